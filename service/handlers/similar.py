"""Handlers of searches for one person: from a face, or from a photo."""

from functools import partial

from index.base.choices import DEFAULT_THRESHOLD
from index.base.errors import bad_request
from index.base.parameters import check_known, parse_all
from index.counting.question import FILEPATH, build_question
from service.contract.addresses import PREFIX, SUFFIX
from service.contract.list_parameters import PHOTO_PARAMETERS, SIMILAR_LIMIT, SIMILAR_PARAMETERS
from service.handlers.base import BaseHandler
from service.handlers.pictures import FACE


class SimilarHandler(BaseHandler):
    """Where else in the library is the person of a face?"""

    ROUTE = FACE + "/similar" + SUFFIX

    async def get(self, face: str) -> None:
        """Answer with the nearest faces."""
        given = self.query()
        check_known(given, [parameter.name for parameter in SIMILAR_PARAMETERS])
        found = parse_all(SIMILAR_PARAMETERS, given, self.settings_)
        text = given.get("threshold", [DEFAULT_THRESHOLD])[0]
        search = partial(
            self.answerer.similar.document, int(face), text, found["threshold"], found["limit"]
        )
        async with self.question_limit.admit(self.caller):
            document = await self.answerer.run(search, is_long=True)
        self.send(document)


class PhotoSimilarHandler(BaseHandler):
    """Where else in the library are the persons of a photo?"""

    ROUTE = PREFIX + "similar" + SUFFIX

    async def get(self) -> None:
        """Answer with the nearest faces to each face of the photo; it is indexed first."""
        given = self.query()
        check_known(given, [FILEPATH, *(parameter.name for parameter in PHOTO_PARAMETERS)])
        found = parse_all([SIMILAR_LIMIT], given, self.settings_)
        asked = {name: texts for name, texts in given.items() if name != SIMILAR_LIMIT.name}
        question = build_question(asked, self.settings_)
        if len(question.filepaths) > 1:
            raise bad_request(f"filepath is given {len(question.filepaths)} times; name one photo")
        async with self.question_limit.admit(self.caller):
            reply = await self.answerer.count(question)
            self.note_count(reply)
            search = partial(self.answerer.similar.of_photo, question, reply, found["limit"])
            document = await self.answerer.run(search, is_long=True)
        self.send(document)
