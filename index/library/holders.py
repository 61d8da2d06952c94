"""Which files hold an image now."""

import os
from collections.abc import Iterable, Iterator

from index.base.paths import Finder, Roots, refusal, signature_of
from index.database.queries.files import FileRow
from index.database.states import FileState


def holders(finder: Finder, files: Iterable[FileRow]) -> Iterator[FileRow]:
    """Those of *files* that are still what they were when they were read, by path."""
    for file in sorted(files, key=lambda file: file.path):
        found = finder.look(file.path)
        if file.state is FileState.INDEXED and found is not None and _is_unchanged(file, *found):
            yield file


def _is_unchanged(file: FileRow, path: str, status: os.stat_result) -> bool:
    return (
        path == file.path  # not by way of a root that has become a link
        and refusal(path, status) is None
        and signature_of(status) == file.signature
    )


def names_of_holders(roots: Roots, finder: Finder, files: Iterable[FileRow]) -> list[str]:
    """The names by which callers can ask about those of *files* that are unchanged, sorted."""
    return sorted(roots.name_of(file.path) for file in holders(finder, files))
