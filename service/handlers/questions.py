"""Handlers of questions: /person_count and /persons. They parse, ask for the answer, write JSON."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from index.base.errors import bad_request
from index.base.parameters import check_known, parse_all
from index.counting.comparison import Comparison, build_comparison
from index.counting.documents import count_document
from index.counting.question import Question, build_question
from service.answering.compared import compared_document
from service.answering.persons_document import Page, persons_document
from service.contract.addresses import PREFIX, SUFFIX
from service.contract.list_parameters import PAGE_PARAMETERS, PEOPLE_PARAMETERS
from service.handlers.base import BaseHandler, texts_of


class PersonCountHandler(BaseHandler):
    """How many different key persons appear in exactly these files?"""

    ROUTE = PREFIX + "person_count" + SUFFIX

    async def get(self) -> None:
        """Answer a question in the query string."""
        await self._answer(self.question_of_query())

    async def post(self) -> None:
        """Answer a question in a JSON body: for lists too long for a URL."""
        await self._answer(self.question_of_body())

    async def _answer(self, question: Question) -> None:
        async with self.question_limit.admit(self.caller):
            reply = await self.answerer.count(question)
            self.note_count(reply)
        self.send(count_document(question, reply.answer.person_num))


class PersonsHandler(BaseHandler):
    """The same question, with the answer explained."""

    ROUTE = PREFIX + "persons" + SUFFIX

    async def get(self) -> None:
        """Answer a question in the query string."""
        await self._answer(self.query(), in_json=False)

    async def post(self) -> None:
        """Answer a question in a JSON body."""
        await self._answer(self.members(), in_json=True)

    async def _answer(self, given: Mapping[str, Sequence[str]], *, in_json: bool) -> None:
        question = build_question(given, self.settings_, in_json=in_json, beside=PAGE_PARAMETERS)
        page = Page(**parse_all(PAGE_PARAMETERS, given, self.settings_))
        async with self.question_limit.admit(self.caller):
            reply = await self.answerer.explain(question)
            self.note_count(reply)
            explain = partial(persons_document, self.database, question, reply, page)
            document = await self.answerer.run(
                explain, is_long=reply.is_long, is_large=reply.is_large
            )
        self.send(document)


class CompareHandler(BaseHandler):
    """Who is in both of two lists, and who only in one?"""

    ROUTE = PREFIX + "persons/compare" + SUFFIX

    async def post(self) -> None:
        """Answer with the persons of both lists, grouped as one."""
        comparison = self._comparison(self.json_body())
        async with self.question_limit.admit(self.caller):
            reply = await self.answerer.count(comparison.question)
            self.note_count(reply)
            document = await self.answerer.run(
                partial(compared_document, comparison, reply),
                is_long=reply.is_long,
                is_large=reply.is_large,
            )
        self.send(document)

    def _comparison(self, body: dict[str, Any]) -> Comparison:
        a, b = self._list(body, "a"), self._list(body, "b")
        return build_comparison(a, b, texts_of(body), self.settings_)

    def _list(self, body: dict[str, Any], name: str) -> list[str]:
        files = body.pop(name, None)
        if not isinstance(files, list) or not all(isinstance(one, str) for one in files):
            raise bad_request(f"{name} must be a list of strings")
        return files


class PeopleHandler(BaseHandler):
    """Who is in the whole library?"""

    ROUTE = PREFIX + "people" + SUFFIX

    async def get(self) -> None:
        """Answer with a page of the persons, and with what is being done."""
        given = self.query()
        check_known(given, [parameter.name for parameter in PEOPLE_PARAMETERS])
        page = parse_all(PEOPLE_PARAMETERS, given, self.settings_)
        async with self.question_limit.admit(self.caller):
            work = partial(self.answerer.people.document, page["offset"], page["limit"])
            document = await self.answerer.run(work)
        self.send(document)
