"""Finds the files of a question: those that it names, and those below the folders that it names.

A folder is looked through when it is asked about, so that the answer is about what is there, not
about what events or scans have reported so far. It stands for the files that ingest would read: no
link is followed, ignored names are left out, and so are files that by their names are no photos.
"""

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from index.base.other_files import passed_over
from index.base.paths import Finder, Roots, display

# by name: the absolute path and lstat of a file; None if there is none that may be asked about
FoundFiles = dict[str, tuple[str, os.stat_result] | None]


@dataclass(frozen=True, slots=True)
class AskedFiles:
    """The files of a question.

    Attributes:
        named: the names that the question has for files and folders, each once.
        places: every file by its name: the caller's for files that the question names, else the one
            by which it could be named.
        folders: the names of the files below each folder that the question names, by the caller's
            name of the folder.
        closed: why folders below them could not be looked through, by name.
    """

    named: Collection[str]
    places: FoundFiles = field(default_factory=dict)
    folders: dict[str, list[str]] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        """The paths of the files that are there, each once."""
        return list(dict.fromkeys(display(place[0]) for place in self.places.values() if place))


class TooManyEntriesError(Exception):
    """There is more below the folders than was to be looked at."""


def find_files(roots: Roots, names: Sequence[str], most_entries: int) -> AskedFiles:
    """Look for the files and folders *names*, and through the folders. No file is opened.

    Raises:
        TooManyEntriesError: more than *most_entries* files and folders are below the folders.
    """
    finder = Finder(roots)
    asked = AskedFiles(dict.fromkeys(names).keys())
    tour = _Tour(roots, most_entries)
    for name in names:
        place = finder.find(name)
        if place is None or not roots.can_store(place[0]):
            asked.places[name] = None
        elif stat.S_ISDIR(place[1].st_mode):
            _look_through(asked, name, place[0], tour)
        else:
            asked.places[name] = place
    return asked


def look_at(roots: Roots, names: Sequence[str]) -> AskedFiles:
    """Look for the files *names*; what is a folder is no file."""
    finder = Finder(roots)
    places = {
        name: place if (place := finder.look(name)) and roots.can_store(place[0]) else None
        for name in names
    }
    return AskedFiles(places.keys(), places)


def _look_through(asked: AskedFiles, name: str, folder: str, tour: "_Tour") -> None:
    inside = asked.folders[name] = []
    for path, found in tour.entries(folder):
        if isinstance(found, str):
            asked.closed[name if path == folder else tour.roots.name_of(path)] = found
        elif passed_over(path) is None:
            inner = tour.roots.name_of(path)
            inside.append(inner)
            asked.places.setdefault(inner, (path, found))


class _Tour:
    """Looks through folders, until it has met so many files and folders."""

    def __init__(self, roots: Roots, most_entries: int) -> None:
        self.roots = roots
        self._left = most_entries

    def entries(self, top: str) -> Iterator[tuple[str, os.stat_result | str]]:
        """Every file below the folder *top* with its lstat, in an order that names alone decide.

        Folders that cannot be looked through come with the reason. What goes away meanwhile is left
        out.

        Raises:
            TooManyEntriesError: there are more.
        """
        waiting = [top]
        while waiting:
            here = waiting.pop()
            try:
                with os.scandir(here) as entries:
                    found = [entry for entry in entries if self._is_wanted(entry)]
            except FileNotFoundError:
                continue
            except OSError as error:
                yield here, f"it is a folder that cannot be looked through ({error.strerror})"
                continue
            inner = []
            for entry in sorted(found, key=lambda entry: entry.name):
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    inner.append(entry.path)
                else:
                    yield entry.path, status
            waiting += reversed(inner)

    def _is_wanted(self, entry: os.DirEntry[str]) -> bool:
        self._left -= 1
        if self._left < 0:
            raise TooManyEntriesError
        return not self.roots.ignores_entry(
            entry.path, is_folder=entry.is_dir(follow_symlinks=False)
        )
