"""Decoding for several threads, each with a process of its own that is replaced when it is lost."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from index.base.errors import UnreadableImageError
from ingest.decoding.crops import FaceCrops, joined
from ingest.decoding.decoder_process import MOST_FACES
from ingest.decoding.pixels import Decoded
from ingest.decoding.sandbox import DecoderLostError, Sandbox
from ingest.interfaces import DetectedFace, Framing

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Decoder:
    """Decodes files one by one; a file that kills the process costs itself only.

    An earlier file may have harmed the process. So a file is given up only after it failed in a
    process that had decoded nothing else. If something outside ended the process, the file is not
    to blame, and is tried again later (maybe_partial).
    """

    def __init__(self, module: str, max_megapixels: int, sandbox: Sandbox | None) -> None:
        """Use *sandbox* if it fits; else one is started when it is needed."""
        self._module = module
        self._max_megapixels = max_megapixels
        self.sandbox = sandbox

    def decode(self, data: bytes, edge_px: int | None) -> Decoded:
        """Decode a file; see pixels.decode_reduced.

        Raises:
            UnreadableImageError: it is no image, or its decoding crashes, hangs or eats memory.
            DecoderUnavailableError: no process can be started.
        """
        return self._ask(data, partial(Sandbox.decode, data=data, edge_px=edge_px))

    def crops(self, data: bytes, faces: Sequence[DetectedFace], framing: Framing) -> FaceCrops:
        """The *faces*, at least one, of a file decoded in full; raises as decode does."""
        parts: list[FaceCrops] = []
        done = 0
        while done < len(faces):
            most = min(MOST_FACES, self._fitting(data).most_faces(framing))
            part = faces[done : done + most]
            question = partial(Sandbox.crops, data=data, faces=part, framing=framing)
            parts.append(self._ask(data, question))
            done += most
        return joined(parts)

    def _ask(self, data: bytes, question: Callable[[Sandbox], Result]) -> Result:
        while True:
            sandbox = self._fitting(data)
            fresh = not sandbox.answers
            try:
                return question(sandbox)
            except DecoderLostError as error:
                self.sandbox = None
                log.warning("ingest.decoder_lost fresh=%s reason=%s", fresh, error)
                if fresh or error.timed_out:
                    raise UnreadableImageError(str(error), maybe_partial=error.by_chance) from error

    def _fitting(self, data: bytes) -> Sandbox:
        """The process; another one if it has ended, or is for smaller files or other images."""
        sandbox = self.sandbox
        if sandbox is not None and (
            not sandbox.is_alive
            or sandbox.file_bytes < len(data)
            or sandbox.max_megapixels != self._max_megapixels
        ):
            sandbox.close()
            sandbox = None
        if sandbox is None:
            sandbox = Sandbox(self._module, self._max_megapixels, len(data))
        self.sandbox = sandbox
        return sandbox


class Decoders:
    """The processes that are idle, for any thread to borrow."""

    def __init__(self, module: str = "ingest.decoding.decoder_process") -> None:
        """Start nothing yet; the processes run the main() of *module*."""
        self._module = module
        self._idle: deque[Sandbox] = deque()

    @contextmanager
    def decoder(self, max_megapixels: int) -> Iterator[Decoder]:
        """A decoder for the calling thread."""
        try:
            idle = self._idle.pop()
        except IndexError:
            idle = None
        decoder = Decoder(self._module, max_megapixels, idle)
        yield decoder
        # after an exception its state is unknown: it is not put back, and so is ended
        if decoder.sandbox is not None:
            self._idle.append(decoder.sandbox)

    def prepare(self, number: int, max_megapixels: int) -> None:
        """Start *number* processes now, so that the first files need not wait for them."""
        self._idle.extend(Sandbox(self._module, max_megapixels, 0) for _ in range(number))

    def close(self) -> None:
        """End the idle processes; the next file starts one again."""
        while self._idle:
            self._idle.pop().close()
