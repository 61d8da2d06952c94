"""Starts one process that decodes, asks it, limits it, and checks its answers.

The file goes to it, and pixels come back, through memory that both processes map: a pipe would copy
them twice more. Only sizes and a reason come as a message, and each is checked.
"""

import math
import mmap
import os
import signal
import socket
import subprocess
import weakref
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from index.base.errors import DecoderUnavailableError, UnreadableImageError
from index.base.image_formats import FORMATS
from ingest.decoding.crops import FaceCrops
from ingest.decoding.decoder_process import (
    ALIGNED,
    ANSWER,
    CUT_OFF,
    DONE,
    FACE_NUMBERS,
    MOST_REASON_BYTES,
    NO_PHOTO,
    PARTIAL,
    QUESTION,
    READY,
    TOO_LARGE,
    UNREADABLE,
    numbers_of,
)
from ingest.decoding.pixels import Decoded
from ingest.decoding.sandbox_process import RELEASE_BYTES, end, shared_memory, start
from ingest.decoding.sizes import (
    BYTES_PER_PIXEL,
    MAX_EDGE_PX,
    MEGA,
    MIN_EDGE_PX,
    file_megapixels,
)
from ingest.interfaces import CROP_PX, STANDARD, DetectedFace, Framing

START_SECONDS = 60.0  # it takes a tenth of a second
BYTES_PER_FILE_BYTE = 4
PATIENCE = 3  # seconds that a second of computing may take on a busy machine
DYING_SECONDS = 5.0  # that the process may take to end once it has closed its end of the channel
LEAST_FILE_BYTES = 64 << 20
LEAST_OUTPUT_BYTES = 4 << 20  # one face's crops for the largest network that a description allows


class DecoderLostError(Exception):
    """The process did not answer as it should, and has been ended; the text is the reason.

    Attributes:
        timed_out: it took too long.
        by_chance: the machine may be the cause, not the file: the kernel killed the process when
            memory ran out, or the machine was too busy.
    """

    def __init__(self, reason: str, *, timed_out: bool = False, by_chance: bool = False) -> None:
        super().__init__(reason)
        self.timed_out = timed_out
        self.by_chance = by_chance


def processor_seconds(file_bytes: int, max_megapixels: int) -> int:
    """The seconds of computing that a file may take. 50 megapixels of JPEG 2000 take 6."""
    return 10 + max_megapixels // 5 + file_bytes // (8 << 20)


class Sandbox:
    """A decoding process, for one thread at a time.

    Attributes:
        answers: the number of questions it has been asked.
    """

    def __init__(self, module: str, max_megapixels: int, file_bytes: int) -> None:
        """Start it; a failure to start shows at the first question.

        Args:
            module: the process runs its main().
            max_megapixels: see pixels.decode_reduced.
            file_bytes: size of the largest file that it will be given.
        """
        self.max_megapixels = max_megapixels
        self.file_bytes = max(file_bytes, LEAST_FILE_BYTES)
        self.answers = 0
        self._output_bytes = max(3 * MEGA * max_megapixels, LEAST_OUTPUT_BYTES)
        memory = BYTES_PER_PIXEL * MEGA * max_megapixels + BYTES_PER_FILE_BYTE * self.file_bytes
        try:
            with ExitStack() as undo, ExitStack() as passed_on:
                arena_fd = shared_memory(self.file_bytes + self._output_bytes)
                passed_on.callback(os.close, arena_fd)
                self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                undo.callback(self._channel.close)
                passed_on.callback(theirs.close)
                self._arena = mmap.mmap(arena_fd, 0)
                words = (theirs.fileno(), arena_fd, self.file_bytes, memory)
                self._process = start(module, [str(word) for word in words], words[:2])
                undo.pop_all()
        except OSError as error:
            raise DecoderUnavailableError(f"no process for decoding: {error.strerror}") from error
        self._end = weakref.finalize(self, end, self._process, self._channel)

    def most_faces(self, framing: Framing) -> int:
        """How many faces it can give back the crops of at once."""
        return self._output_bytes // _crop_bytes(framing)

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process; may be called again."""
        self._end()

    def decode(self, data: bytes, edge_px: int | None) -> Decoded:
        """See pixels.decode_reduced.

        Raises:
            UnreadableImageError: the process says that it cannot be decoded.
            DecoderLostError: the process is gone.
        """
        outcome, (height, width, *full) = self._ask(data, edge_px or 0)
        edges_fit = max(height, width, *full) <= MAX_EDGE_PX and min(full) >= MIN_EDGE_PX
        pixels_fit = height * width <= self.max_megapixels * MEGA and full[0] * full[1] <= (
            max(file_megapixels(kind, self.max_megapixels) for kind in FORMATS) * MEGA
        )
        if not (edges_fit and pixels_fit and 0 < height * width <= full[0] * full[1]):
            raise self._nonsense()
        pixels = self._result((height, width, 3), data)
        return Decoded(pixels, (full[0], full[1]), is_cut_off=outcome == CUT_OFF)

    def crops(self, data: bytes, faces: Sequence[DetectedFace], framing: Framing) -> FaceCrops:
        """Crops of a file decoded in full, of at most most_faces; raises as decode does."""
        margin = ALIGNED if framing.margin_px is None else framing.margin_px
        _, (count, edge, *_) = self._ask(data, framing.edge_px, numbers_of(faces), margin)
        if (count, edge) != (len(faces), framing.edge_px):
            raise self._nonsense()
        pixels = self._result((count * _crop_bytes(framing),), data)
        size = count * _crop_bytes(STANDARD)
        standard = pixels[:size].reshape(count, CROP_PX, CROP_PX, 3)
        if framing == STANDARD:
            return FaceCrops(standard, standard)
        return FaceCrops(standard, pixels[size:].reshape(count, edge, edge, 3))

    def _ask(
        self, data: bytes, edge_px: int, faces: bytes = b"", margin: int = 0
    ) -> tuple[bytes, list[int]]:
        """Ask the process. Returns the outcome, and sizes that the caller has to check."""
        if not self.answers:
            self._wait_until_ready()
        self.answers += 1
        seconds = processor_seconds(len(data), self.max_megapixels)
        count = len(faces) // (8 * FACE_NUMBERS)
        question = QUESTION.pack(
            self.answers, self.max_megapixels, seconds, len(data), edge_px, margin, count
        )
        self._arena[: len(data)] = data
        answer = self._exchange(question + faces, seconds)
        if len(answer) < ANSWER.size:
            raise self._nonsense()
        number, outcome, *sizes = ANSWER.unpack_from(answer)
        if number != self.answers:
            raise self._nonsense()
        if outcome in {DONE, CUT_OFF}:
            return outcome, sizes
        if outcome == TOO_LARGE:
            self.close()  # its memory may stay so full that the next file finds none
            raise DecoderLostError(
                f"decoding it needs more memory than max_megapixels: {self.max_megapixels} allows"
            )
        if outcome not in {UNREADABLE, PARTIAL, NO_PHOTO}:
            raise self._nonsense()
        text = answer[ANSWER.size :].decode("utf-8", "replace")
        reason = "".join(c if c.isprintable() else "?" for c in text)
        raise UnreadableImageError(
            reason, maybe_partial=outcome == PARTIAL, no_photo=outcome == NO_PHOTO
        )

    def _exchange(self, question: bytes, seconds: int) -> bytes:
        patience = seconds * PATIENCE
        try:
            self._channel.settimeout(patience)
            self._channel.send(question)
            answer = self._channel.recv(ANSWER.size + MOST_REASON_BYTES)
        except TimeoutError as error:
            self.close()
            reason = f"decoding it took longer than {patience} s"
            raise DecoderLostError(reason, timed_out=True, by_chance=True) from error
        except OSError:
            answer = b""
        if answer:
            return answer
        code = self._gone()
        self.close()
        if code == -signal.SIGXCPU:
            reason = f"decoding it took longer than {seconds} s of computing"
            raise DecoderLostError(reason, timed_out=True)
        raise DecoderLostError(
            f"decoding it crashed the decoder ({_ending(code)})", by_chance=code == -signal.SIGKILL
        )

    def _gone(self) -> int:
        """Wait until it has ended, kill it if that takes too long, and return its exit code."""
        try:
            self._process.wait(DYING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        return self._process.wait()

    def _nonsense(self) -> DecoderLostError:
        self.close()
        return DecoderLostError("decoding it made the decoder answer nonsense")

    def _result(self, shape: tuple[int, ...], data: bytes) -> NDArray[np.uint8]:
        """A copy of the pixels: the process can still change the memory that it shares."""
        shared = np.frombuffer(self._arena, np.uint8, math.prod(shape), self.file_bytes)
        result = shared.reshape(shape).copy()
        if len(data) + len(shared) > RELEASE_BYTES:
            self._arena.madvise(mmap.MADV_REMOVE)
        return result

    def _wait_until_ready(self) -> None:
        self._channel.settimeout(START_SECONDS)
        try:
            ready = self._channel.recv(len(READY)) == READY
        except OSError:
            ready = False
        errors = self._process.stderr
        if not ready:
            self._gone()
            lines = errors.read().decode("utf-8", "replace").splitlines() if errors else []
            self.close()
            raise DecoderUnavailableError(
                f"the process for decoding does not start ({lines[-1] if lines else 'no reason'})"
            )
        if errors:
            errors.close()  # from now on it sends only answers


def _crop_bytes(framing: Framing) -> int:
    """Of one face."""
    standard = 3 * CROP_PX**2
    return standard if framing == STANDARD else standard + 3 * framing.edge_px**2


def _ending(code: int) -> str:
    """How a process ended: its signal's name, or its exit code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # most real-time signals have no name
        return f"signal {-code}"
