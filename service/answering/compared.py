"""The JSON document of /persons/compare."""

from index.counting.comparison import Comparison, comparison_document
from index.counting.documents import Document
from service.answering.library_reader import Reply


def compared_document(comparison: Comparison, reply: Reply) -> Document:
    """The answer of /persons/compare. *reply* answers the question about both lists."""
    images = [(file.name, file.image_id) for file in reply.files if file.image_id is not None]
    return comparison_document(comparison, reply.answer, images, reply.folders, reply.judgements)
