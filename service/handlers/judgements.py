"""What people say about faces: adds judgements, lists them, and takes them back."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

from index.base.errors import RequestError, bad_request
from index.base.parameters import JsonNumber, check_known, parse_all, whole_number
from index.base.tokens import Scope
from index.database.states import JUDGING
from index.library.judgements import check_note, faces_judged
from service.answering.judging import Said
from service.contract.addresses import PREFIX, SUFFIX
from service.contract.json_schemas import MAX_ID
from service.contract.list_parameters import JUDGEMENT_PARAMETERS, MAX_JUDGEMENTS
from service.handlers.base import BaseHandler

_SHAPE = 'send {"judgements": [{"verdict": "same", "faces": [ID, ID]}]}'
_ID = whole_number(1, MAX_ID)


class JudgementsHandler(BaseHandler):
    """All judgements."""

    ROUTE = PREFIX + "judgements" + SUFFIX
    CHANGES = Scope.JUDGE

    async def get(self) -> None:
        """Answer with a page of the list."""
        given = self.query()
        check_known(given, [parameter.name for parameter in JUDGEMENT_PARAMETERS])
        found = parse_all(JUDGEMENT_PARAMETERS, given, self.settings_)
        page = partial(
            self.answerer.judging.page,
            found["limit"],
            found["state"],
            found["after"],
            found["filepath"],
        )
        async with self.question_limit.admit(self.caller):
            document = await self.answerer.run(page, is_long=True)
        self.send(document)

    async def post(self) -> None:
        """Add judgements, all or none."""
        self.guard.sites.check_same_origin(self.request.headers)
        said = _said(self.json_body())
        add = partial(self.answerer.judging.record, said, self.token_name)
        self.send(await self.answerer.write(add))


class JudgementHandler(BaseHandler):
    """One judgement."""

    ROUTE = PREFIX + "judgements/(?P<judgement>[1-9][0-9]{0,17})" + SUFFIX
    SCOPE = Scope.JUDGE

    async def delete(self, judgement: str) -> None:
        """Take it back."""
        self.guard.sites.check_same_origin(self.request.headers)
        undo = partial(self.answerer.judging.undo, int(judgement), self.token_name)
        self.send(await self.answerer.write(undo))


def _said(body: Mapping[str, Any]) -> list[Said]:
    """The judgements in a body. Raises RequestError, 400 or 413."""
    given = body.get("judgements")
    if list(body) != ["judgements"] or not isinstance(given, list) or not given:
        raise bad_request(_SHAPE)
    if len(given) > MAX_JUDGEMENTS:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"{len(given)} judgements are more than the {MAX_JUDGEMENTS} allowed at once",
        )
    return [_one(found) for found in given]


def _one(found: object) -> Said:
    if not isinstance(found, dict) or not found.keys() <= {"verdict", "faces", "note"}:
        raise bad_request(_SHAPE)
    verdict = next((one for one in JUDGING if one == found.get("verdict")), None)
    if verdict is None:
        raise bad_request(f"verdict must be one of {', '.join(JUDGING)}")
    faces, number = found.get("faces"), faces_judged(verdict)
    if not isinstance(faces, list) or len(faces) != number:
        raise bad_request(f"{verdict} needs faces with {number} id{'s' if number > 1 else ''}")
    note = check_note(found["note"]) if "note" in found else None
    return Said(verdict, tuple(map(_face_id, faces)), note)


def _face_id(found: object) -> int:
    return int(_ID.parse("a face's id", found.text if isinstance(found, JsonNumber) else ""))
