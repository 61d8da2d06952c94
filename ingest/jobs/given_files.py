"""Finds the photos that files and folders on the command line stand for."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from index.base.errors import RequestError
from index.base.ignoring import Ignored
from index.base.other_files import passed_over
from index.base.paths import Roots, display, on_one_line, refusal
from index.base.settings import Settings
from ingest.watching.walk import Walk


@dataclass(slots=True)
class GivenFiles:
    """What was found.

    Attributes:
        photos: the names of what may be photos, each once, in order.
        no_photos: the reasons why other files are none, by name.
        folders: the names of the files below each folder that was named.
        errors: about files and folders below given folders that cannot be read.
    """

    photos: list[str] = field(default_factory=list)
    no_photos: dict[str, str] = field(default_factory=dict)
    folders: dict[str, list[str]] = field(default_factory=dict)
    errors: list[RequestError] = field(default_factory=list)


def find_given(names: Sequence[str], settings: Settings) -> GivenFiles:
    """Find the files that *names* mean; a folder stands for all below it that is not ignored.

    Raises:
        RequestError: a folder in *names* cannot be read (422), or there are more files than
            allowed (413).
    """
    found = GivenFiles()
    for name in names:
        if os.path.isdir(name):
            found.folders[name] = list(_files_below(name, settings, found.errors))
    files = (file for name in names for file in found.folders.get(name, (name,)))
    for name in dict.fromkeys(files):
        if reason := passed_over(name):
            found.no_photos[name] = reason
        else:
            found.photos.append(name)
    if len(found.photos) > settings.max_request_files:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{len(found.photos)} files are more than the {settings.max_request_files} allowed",
        )
    return found


def unreadable(name: str, reason: str) -> RequestError:
    """The error about a file that is there and cannot be counted."""
    return RequestError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"{on_one_line(display(name))} is no readable image: {reason}",
    )


def _files_below(name: str, settings: Settings, errors: list[RequestError]) -> Iterator[str]:
    """The names of the files below a folder; what cannot be read there goes to *errors*."""
    roots = Roots([Path(name)], Ignored(settings.ignore))
    (real,) = roots.real
    walk = Walk()
    for path, status in walk.files(real, roots):
        below = os.path.join(name, os.path.relpath(path, real))
        if reason := refusal(path, status):
            errors.append(unreadable(below, reason))
        else:
            yield below
    for path, reason in walk.unreadable.items():
        sentence = f"{on_one_line(display(path))} cannot be read ({reason})"
        error = RequestError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
        if path == real:
            raise error  # as a file that the caller names
        errors.append(error)
