"""Lets a child process make pictures of faces and photos, since the service opens no image."""

import asyncio
import logging
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections import OrderedDict
from collections.abc import Sequence
from http import HTTPStatus

from index.base import messages
from index.base.errors import FrameError, RequestError
from index.base.settings import Settings
from index.library.picture_orders import Outcome, PictureOrder

log = logging.getLogger(__name__)

# -P: the folder that the service was started in may hold foreign modules
COMMAND = (sys.executable, "-P", "-m", "person_count", "pictures")
# the child gets only the variables that Python needs to start and to read names as we do
PASSED_ON = ("LD_LIBRARY_PATH", "PYTHONPATH", "LANG", "LC_ALL", "LC_CTYPE")
START_SECONDS = 60.0  # for the child's imports, on a busy machine
WORK_SECONDS = 15.0  # for one picture
MAX_WAITING = 64
REFUSED_SECONDS = 600.0  # a photo that failed is refused for so long
MAX_REFUSED = 1000
KEPT_BYTES = 32 << 20


class _Kept:
    """Recent pictures, KEPT_BYTES in all; only in memory."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[PictureOrder, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, order: PictureOrder) -> bytes | None:
        """The picture for exactly this order: an order names the content and its place."""
        if order in self._pictures:
            self._pictures.move_to_end(order)
        return self._pictures.get(order)

    def put(self, order: PictureOrder, picture: bytes) -> None:
        """Keep a picture, and drop the least recently used ones."""
        self._pictures[order] = picture
        self._bytes += len(picture)
        while self._bytes > KEPT_BYTES:
            _, dropped = self._pictures.popitem(last=False)
            self._bytes -= len(dropped)


class Pictures:
    """The child process; started at the first order, and again after a photo has ended it."""

    def __init__(self, settings: Settings, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._closed = False
        self._limits = {
            "max_file_bytes": settings.max_file_bytes,
            "max_megapixels": settings.max_megapixels,
        }
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._kept = _Kept()
        self._refused: OrderedDict[str, float] = OrderedDict()

    async def make(self, order: PictureOrder) -> bytes | None:
        """The picture as a JPEG, or None if the file no longer holds that photo.

        Raises:
            RequestError: 503, too many orders are waiting, or no picture can be made of it.
        """
        if kept := self._kept.get(order):
            return kept
        self._check_refused(order)
        if self._waiting > MAX_WAITING:
            raise _refusal(f"{MAX_WAITING} pictures are waiting already; ask again later", 1)
        self._waiting += 1
        try:
            async with self._turn:
                self._check_refused(order)  # an earlier order may have failed meanwhile
                return self._kept.get(order) or await self._ask(order)
        finally:
            self._waiting -= 1

    def _check_refused(self, order: PictureOrder) -> None:
        if time.monotonic() - self._refused.get(order.sha256, -REFUSED_SECONDS) < REFUSED_SECONDS:
            raise _refusal("the picture could not be made", int(REFUSED_SECONDS))

    async def _ask(self, order: PictureOrder) -> bytes | None:
        process = await self._running()
        try:
            async with asyncio.timeout(WORK_SECONDS):
                head, picture = await _exchange(process, messages.pack(order.to_head()))
        except (TimeoutError, OSError, asyncio.IncompleteReadError, FrameError) as error:
            log.warning("pictures.ended reason=%s", type(error).__name__)
            await self._end()
            raise self._refused_now(order) from error
        except BaseException:
            await self._end()  # its late answer would be taken for the next picture
            raise
        if head["outcome"] == Outcome.FAILED:
            raise self._refused_now(order)
        if head["outcome"] == Outcome.GONE:
            return None
        self._kept.put(order, picture)
        return picture

    def _refused_now(self, order: PictureOrder) -> RequestError:
        """Leave the photo alone for a while; the answer that says so."""
        self._refused[order.sha256] = time.monotonic()
        self._refused.move_to_end(order.sha256)
        if len(self._refused) > MAX_REFUSED:
            self._refused.popitem(last=False)
        return _refusal("the picture could not be made", int(REFUSED_SECONDS))

    async def _running(self) -> Process:
        """The child, ready for an order."""
        if self._process is not None and self._process.returncode is None:
            return self._process
        if self._closed:
            raise _refusal("the service is stopping", 5)
        await self._end()
        try:
            async with asyncio.timeout(START_SECONDS):
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=PIPE,
                    stdout=PIPE,
                    env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
                )
                await _exchange(self._process, messages.pack(self._limits))
        except (TimeoutError, OSError, asyncio.IncompleteReadError, FrameError) as error:
            log.warning("pictures.not_started reason=%s", type(error).__name__)
            await self._end()
            raise _refusal("pictures cannot be made now", 5) from error
        except BaseException:
            await self._end()
            raise
        log.info("pictures.started")
        return self._process

    async def _end(self) -> None:
        """End the child, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.communicate()

    async def close(self) -> None:
        """End the child for good."""
        self._closed = True
        if self._process is not None and self._process.returncode is None:
            self._process.kill()  # callers who wait for an answer get an error at once
        async with self._turn:
            await self._end()


async def _exchange(process: Process, message: bytes) -> tuple[messages.Head, bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(message)
    await process.stdin.drain()
    head, body = messages.lengths(await process.stdout.readexactly(messages.LENGTHS.size))
    text = await process.stdout.readexactly(head)
    return messages.parse_head(text), await process.stdout.readexactly(body)


def _refusal(sentence: str, seconds: int) -> RequestError:
    return RequestError(HTTPStatus.SERVICE_UNAVAILABLE, sentence, retry_after_seconds=seconds)
