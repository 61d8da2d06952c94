"""The JSON document of /persons."""

from index.documents import Document, count_document, explanation
from index.question import Question
from service.desk import Reply


def persons_document(question: Question, reply: Reply) -> Document:
    """The answer of /persons: the count explained."""
    names: dict[int, list[str]] = {}
    for file in reply.files:
        if file.image_id is not None:
            names.setdefault(file.image_id, []).append(file.name)
    return {
        **count_document(question, reply.answer.person_num),
        "complete": reply.is_complete,
        **explanation(question, reply.answer, reply.space, reply.generation.model_id, names),
        "files": [
            {"filepath": file.name, "status": file.status}
            | ({"reason": file.reason} if file.reason else {})
            for file in reply.files
        ],
    }
