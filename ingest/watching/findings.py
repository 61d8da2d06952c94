"""Makes one pass over a root, and counts its files by place: the root, and each mount below it."""

import logging
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from index.base.paths import Roots, Signature, display, is_in, is_utf8, signature_of
from index.database.queries.places import Identity, PlaceState
from ingest.watching.removals import Finding
from ingest.watching.walk import Walk, identity

log = logging.getLogger(__name__)

NOTHING_MOUNTED = Identity("", "")  # of a place where a file system was mounted before


class RootPass:
    """One pass over a root: files() makes the pass, then findings() gives its results."""

    def __init__(
        self, root: str, roots: Roots, states: Iterable[PlaceState], rows: Mapping[str, Signature]
    ) -> None:
        """Prepare the pass.

        Args:
            roots: know what is ignored.
            states: the places at and below *root*.
            rows: the stored signature of every file below *root*, by path.
        """
        self._root = root
        self._roots = roots
        self._rows = rows
        self._states = {state.path: state for state in states}
        self._states.setdefault(root, PlaceState(root, None))
        self._at_first = {path: identity(path) for path in self._states}
        self._walk = Walk()
        self._seen: set[str] = set()
        self._unchanged: set[str] = set()

    def files(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every file that is new or changed, with its lstat; none if the root is missing."""
        if self._at_first[self._root] is None:
            return
        for path, status in self._walk.files(self._root, self._roots):
            name = display(path)
            self._seen.add(name)
            if self._rows.get(name) == signature_of(status):
                self._unchanged.add(name)
            else:
                yield path, status

    def ignored(self) -> list[str]:
        """The files of the table that are ignored now: the setting has changed since.

        They count as missing from nowhere, or too many of them would look like a lost disk.
        """
        return [name for name in self._rows if name not in self._seen and self._roots.ignores(name)]

    def findings(self) -> Iterator[tuple[PlaceState, Finding, list[str]]]:
        """For each place its state before, the finding, and the files that are missing from it.

        A place that appeared or disappeared during the pass is left out, since the pass tells
        nothing about it.
        """
        for path, found in self._walk.mounts.items():
            if is_utf8(path):
                self._states.setdefault(path, PlaceState(path, None))
                self._at_first.setdefault(path, found)
        files = self._by_place(set(self.ignored()))
        for path, state in self._states.items():
            now = identity(path)
            if now != self._at_first[path]:
                log.warning("scan.root_changed_meanwhile: nothing below it is removed this time")
                continue
            if self._at_first[self._root] is None:
                now = None  # without the root the pass found no mounts, either
            elif path != self._root and path not in self._walk.mounts:
                now = NOTHING_MOUNTED
            missing = [name for name in files[path] if self._is_missing(name, now)]
            if not missing and state.reason and self._has_unreadable(path):
                continue  # an unreadable folder must not end a hold
            unchanged = sum(name in self._unchanged for name in files[path])
            yield state, Finding(now, len(files[path]), len(missing), unchanged), missing

    def _is_missing(self, name: str, place: Identity | None) -> bool:
        return name not in self._seen and (place is None or self._walk.knows(name))

    def _has_unreadable(self, place: str) -> bool:
        unreadable = self._walk.unreadable
        return any(is_in(path, place) or is_in(place, path) for path in unreadable)

    def _by_place(self, ignored: Collection[str]) -> Mapping[str, list[str]]:
        """The files of the table without *ignored* ones, by the innermost place around them."""
        inner = sorted((path for path in self._states if path != self._root), key=len, reverse=True)
        found: defaultdict[str, list[str]] = defaultdict(list)
        for name in self._rows:
            if name in ignored:
                continue
            found[next((path for path in inner if is_in(name, path)), self._root)].append(name)
        return found
