"""Handlers of questions: /person_count and /persons. They parse, ask for the answer, write JSON."""

from functools import partial

from index.counting.documents import count_document
from index.counting.question import Question
from service.answering.persons_document import persons_document
from service.contract.addresses import PREFIX, SUFFIX
from service.handlers.base import BaseHandler


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
        self.send(count_document(question, reply.answer.person_num))


class PersonsHandler(BaseHandler):
    """The same question, with the answer explained."""

    ROUTE = PREFIX + "persons" + SUFFIX

    async def get(self) -> None:
        """Answer a question in the query string."""
        await self._answer(self.question_of_query())

    async def post(self) -> None:
        """Answer a question in a JSON body."""
        await self._answer(self.question_of_body())

    async def _answer(self, question: Question) -> None:
        async with self.question_limit.admit(self.caller):
            reply = await self.answerer.explain(question)
            explain = partial(persons_document, self.database, question, reply)
            document = await self.answerer.run(
                explain, is_long=reply.is_long, is_large=reply.is_large
            )
        self.send(document)
