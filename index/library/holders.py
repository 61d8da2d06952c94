"""Which files hold an image now."""

from index.base.paths import Finder, Roots, signature_of
from index.database.queries.files import FileRow
from index.database.states import FileState


def names_of_holders(roots: Roots, files: list[FileRow]) -> list[str]:
    """The names of those *files* that are still what they were when they were read, sorted.

    Callers can ask about these names.
    """
    finder = Finder(roots)
    return sorted(roots.name_of(file.path) for file in files if _is_unchanged(finder, file))


def _is_unchanged(finder: Finder, file: FileRow) -> bool:
    found = finder.look(file.path)
    return (
        file.state is FileState.INDEXED
        and found is not None
        and found[0] == file.path  # not by way of a root that has become a link
        and signature_of(found[1]) == file.signature
    )
