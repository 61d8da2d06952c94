"""Lists the files, and queues failed ones again."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from index.base.choices import FaceChoice
from index.base.errors import RequestError, bad_request
from index.base.parameters import check_known, parse_all
from index.base.paths import Finder, Roots, display
from index.base.settings import Settings
from index.base.tokens import Scope
from index.counting.documents import Document
from index.counting.question import check_filepath
from index.database.engine import Database
from index.database.queries import browse, queue
from index.database.queries.browse import Filter
from index.library.face_counts import counted_faces
from service.contract.addresses import PREFIX, SUFFIX
from service.contract.list_parameters import LIST_PARAMETERS
from service.handlers.base import BaseHandler


def parse_filter(
    given: Mapping[str, Sequence[str]], roots: Roots, settings: Settings
) -> tuple[Filter, int]:
    """The files that are asked for, and the most to list.

    Raises:
        RequestError: 400; its text names the mistake.
    """
    check_known(given, [parameter.name for parameter in LIST_PARAMETERS])
    found = parse_all(LIST_PARAMETERS, given, settings)
    search = found["search"] or ""
    return Filter(tuple(roots.real), search, found["state"], found["after"]), found["limit"]


def files_document(database: Database, chosen: Filter, limit: int, choice: FaceChoice) -> Document:
    """A page of the list, and the start of the next one; *choice* says which faces count."""
    with database.read() as connection:
        found = browse.list_files(connection, chosen, limit + 1)
        shown = found[:limit]
        images = {file.image_id for file in shown if file.image_id is not None}
        faces = counted_faces(connection, sorted(images), choice)
    return {
        "files": [
            {
                "filepath": file.name,
                "state": file.state,
                "faces": None if file.image_id is None else faces.get(file.image_id),
            }
            | ({"reason": file.reason} if file.reason else {})
            | ({"note": file.note} if file.note else {})
            for file in shown
        ],
        "next": str(shown[-1].id) if len(found) > limit else None,
    }


class FilesHandler(BaseHandler):
    """The files that can be asked about, the newest first."""

    ROUTE = PREFIX + "files" + SUFFIX

    async def get(self) -> None:
        """Answer with a page of the list."""
        chosen, limit = parse_filter(self.query(), self.roots, self.settings_)
        async with self.question_limit.admit(self.caller):
            choice = self.settings_.counted_faces
            listed = partial(files_document, self.database, chosen, limit, choice)
            document = await self.answerer.run(listed)
        self.send(document)


def retry(database: Database, roots: Roots, names: list[str] | None) -> int:
    """Queue failed files again: those of *names*, or all. Returns how many."""
    paths = None
    if names is not None:
        finder = Finder(roots)
        places = [finder.look(name) for name in names]
        paths = [display(place[0]) for place in places if place is not None]
    with database.write() as connection:
        return queue.retry_failed(connection, time.time(), paths)


class RetryHandler(BaseHandler):
    """Reads failed files once more."""

    ROUTE = PREFIX + "files/retry" + SUFFIX
    SCOPE = Scope.ADMIN

    async def post(self) -> None:
        """Answer how many files were put back into the queue."""
        self.guard.sites.check_same_origin(self.request.headers)
        names = self._names(self.json_body())
        again = partial(retry, self.database, self.roots, names)
        self.send({"queued": await self.answerer.write(again)})

    def _names(self, body: dict[str, Any]) -> list[str] | None:
        """The files in the body; None for all that failed."""
        if list(body) == ["failed"] and body["failed"] is True:
            return None
        names = body.get("filepaths")
        if len(body) != 1 or not isinstance(names, list) or not names:
            raise bad_request('send {"filepaths": [...]} or {"failed": true}')
        if len(names) > self.settings_.max_request_files:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"{len(names)} files are more than the {self.settings_.max_request_files} allowed",
            )
        for name in names:
            if not isinstance(name, str):
                raise bad_request("filepaths must be a list of strings")
            check_filepath(name, in_json=True)
        return names
