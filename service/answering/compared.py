"""The JSON document of /persons/compare."""

from collections.abc import Iterator, Sequence

from index.counting.comparison import Comparison, comparison_document, names_by_image
from index.counting.documents import Document
from service.answering.library_reader import Reply


def compared_document(comparison: Comparison, reply: Reply) -> Document:
    """The answer of /persons/compare. *reply* answers the question about both lists."""
    images = [(file.name, file.image_id) for file in reply.files if file.image_id is not None]
    a, b = (names_by_image(images, _inside(given, reply)) for given in (comparison.a, comparison.b))
    return comparison_document(comparison, reply.answer, (a, b), reply.judgements)


def _inside(given: Sequence[str], reply: Reply) -> Iterator[str]:
    """The names of the files that the *given* ones and folders stand for."""
    for name in given:
        yield from reply.folders.get(name, (name,))
