"""Receives files that callers send: writes them as they arrive, and keeps them when complete."""

import asyncio
from http import HTTPStatus
from typing import cast

from tornado.http1connection import HTTP1Connection
from tornado.web import stream_request_body

from index.base.errors import RequestError, bad_request
from index.base.tokens import Scope
from service.handlers.base import BaseHandler
from service.uploading.admission import ROUTE
from service.uploading.drop_folder import Upload, check_name, refusal_of

FIRST_SECONDS = 15  # for every body
MIN_BYTES_A_SECOND = 64 << 10  # more time for longer bodies
WRITE_BYTES = 1 << 20  # collected before a thread writes them


@stream_request_body
class UploadHandler(BaseHandler):
    """Puts a file into the drop folder."""

    ROUTE = ROUTE
    SCOPE = Scope.ADMIN
    _upload: Upload | None = None
    _failure: RequestError | None = None
    _is_counted = False
    _is_whole = False
    _has_left = False

    async def prepare(self) -> None:
        """Prepare for the body. Later failures are reported once the body has been received."""
        self._gathered = bytearray()
        super().prepare()
        if self.request.method != "PUT":
            return
        length = self.uploads.check(str(self.request.uri), self.request.headers)
        self.uploads.under_way += 1
        self._is_counted = True
        connection = cast(HTTP1Connection, self.request.connection)
        connection.set_max_body_size(length)
        connection.set_body_timeout(FIRST_SECONDS + length / MIN_BYTES_A_SECOND)
        try:
            self._upload = await asyncio.to_thread(Upload, self.roots.real[0], length)
        except RequestError as error:
            self._failure = error
        except OSError as error:
            self._failure = self._refusal_of(error)

    async def data_received(self, chunk: bytes) -> None:
        """Collect the body, and write it piece by piece."""
        if self._upload is None:
            return
        self._gathered += chunk
        if len(self._gathered) >= WRITE_BYTES:
            await self._write(self._upload)

    async def _write(self, upload: Upload) -> None:
        data, self._gathered = bytes(self._gathered), bytearray()
        try:
            await asyncio.to_thread(upload.write, data)
        except OSError as error:
            upload.abandon()
            self._upload, self._failure = None, self._refusal_of(error)

    async def put(self, name: str) -> None:
        """Keep the file, and queue it for ingest."""
        self._is_whole = True
        if self._upload is not None:
            await self._write(self._upload)
        if self._upload is None or self._failure is not None:
            raise self._failure or bad_request("the file was cut off")
        try:
            kept, is_new = await asyncio.to_thread(self._upload.keep, check_name(name))
        except OSError as error:
            raise self._refusal_of(error) from error
        await self.answerer.request_index([kept])
        self.set_status(HTTPStatus.CREATED if is_new else HTTPStatus.OK)
        self.send({"filepath": kept})

    def _refusal_of(self, error: OSError) -> RequestError:
        failure = refusal_of(error)
        self.uploads.note(failure)
        return failure

    def on_connection_close(self) -> None:
        """Clean up after a caller who hung up in the middle."""
        super().on_connection_close()
        if not self._is_whole:
            self._leave()

    def on_finish(self) -> None:
        """The request is no longer under way."""
        self._leave()

    def _leave(self) -> None:
        if self._has_left:
            return
        self._has_left = True
        super().on_finish()
        if self._is_counted:
            self.uploads.under_way -= 1
        if self._upload is not None:
            self._upload.abandon()
