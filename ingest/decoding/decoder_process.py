"""The process that decodes untrusted bytes. ingest/decoding/sandbox.py starts it and asks it.

It is confined before it reads the first of them, and imports no more than decoding needs.
sandbox.py checks every answer, because a file may have taken the process over.
"""

import mmap
import os
import signal
import socket
import struct
import sys
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from index.base.errors import UnreadableImageError
from index.base.image_formats import HEIC
from ingest.decoding import pixels
from ingest.decoding.confinement import confine, end_with, grant_processor
from ingest.decoding.crops import FaceCrops, cut_faces
from ingest.decoding.openers import without_reader
from ingest.decoding.warm_up import warm_up
from ingest.interfaces import STANDARD, DetectedFace, Framing

# A question: its number, megapixels allowed, seconds to compute, bytes of the file, edge_px, the
# framing's margin, how many faces; then those: box and landmarks, float64. Without faces it is for
# the photo, with faces for its crops: the standard ones, then those framed for edge_px if others.
QUESTION = struct.Struct("<QIIQIII")
FACE_NUMBERS = 4 + 10
MOST_FACES = 500
ALIGNED = 0xFFFFFFFF  # the margin of crops that are aligned
# An answer: the question's number, what became of it, the first two edges of the array of pixels,
# the full image's width and height (0 of crops); then the reason, if there is one, in UTF-8.
ANSWER = struct.Struct("<QcIIII")
READY = b"ready"
DONE, CUT_OFF, UNREADABLE, PARTIAL, NO_PHOTO, TOO_LARGE = b"d", b"c", b"u", b"p", b"n", b"m"
MOST_REASON_BYTES = 400


def main() -> None:
    """Answer until the other end of the channel is closed."""
    channel_fd, arena_fd, output_at, memory_bytes = (int(word) for word in sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # only its parent ends it
    warnings.simplefilter("ignore")
    with socket.socket(fileno=channel_fd) as channel, mmap.mmap(arena_fd, 0) as arena:
        os.close(arena_fd)
        warm_up()
        end_with(sys.stdin.fileno())
        if not confine(memory_bytes, channel_fd):
            without_reader.add(HEIC)  # libde265 decodes in a thread
        channel.send(READY)
        while question := channel.recv(QUESTION.size + MOST_FACES * FACE_NUMBERS * 8):
            channel.send(_answer(question, arena, output_at))


def _answer(question: bytes, arena: mmap.mmap, output_at: int) -> bytes:
    number, megapixels, seconds, size, edge_px, margin, faces = QUESTION.unpack_from(question)
    grant_processor(seconds)
    data = arena[:size]
    full_size, outcome = (0, 0), DONE
    parts: list[NDArray[np.uint8]]
    try:
        if faces:
            framing = Framing(edge_px, None if margin == ALIGNED else margin)
            crops = _crops(data, megapixels, question[QUESTION.size :], framing)
            sizes, parts = crops.framed.shape[:2], [crops.standard]
            if framing != STANDARD:
                parts.append(crops.framed)
        else:
            found, full_size, is_cut_off = pixels.decode_reduced(data, megapixels, edge_px or None)
            sizes, parts = found.shape[:2], [found]
            outcome = CUT_OFF if is_cut_off else DONE
        for part in parts:
            np.frombuffer(arena, np.uint8, part.size, output_at)[:] = part.reshape(-1)
            output_at += part.size
    except UnreadableImageError as error:
        return _refusal(number, _outcome_of(error), str(error))
    except MemoryError:
        return _refusal(number, TOO_LARGE, "")
    except Exception as error:  # noqa: BLE001 - on foreign bytes Pillow may raise anything
        return _refusal(number, UNREADABLE, f"it makes the decoder fail ({type(error).__name__})")
    return ANSWER.pack(number, outcome, *sizes, *full_size)


def numbers_of(faces: Sequence[DetectedFace]) -> bytes:
    """The bytes of *faces* in a question: box and landmarks of each, float64."""
    rows = [[*face.box, *np.ravel(face.landmarks).tolist()] for face in faces]
    return np.array(rows, "<f8").tobytes()


def faces_of(points: NDArray[np.float64]) -> list[DetectedFace]:
    """Faces of (n, 7, 2) points: two corners and five landmarks; without their probability."""
    return [
        DetectedFace((row[0][0], row[0][1], row[1][0], row[1][1]), 1.0, tuple(map(tuple, row[2:])))
        for row in points.tolist()
    ]


def _outcome_of(error: UnreadableImageError) -> bytes:
    if error.no_photo:
        return NO_PHOTO
    return PARTIAL if error.maybe_partial else UNREADABLE


def _crops(data: bytes, megapixels: int, faces: bytes, framing: Framing) -> FaceCrops:
    """Crops of *faces*, which are in pixels of the file, even if the image had to be reduced."""
    found, (width, height), _ = pixels.decode_reduced(data, megapixels, None)
    ratio = np.array([found.shape[1] / width, found.shape[0] / height])
    points = np.frombuffer(faces, "<f8").reshape(-1, FACE_NUMBERS // 2, 2) * ratio
    return cut_faces(found, faces_of(points), framing)


def _refusal(number: int, outcome: bytes, reason: str) -> bytes:
    text = reason.encode("utf-8", "replace")[:MOST_REASON_BYTES]
    return ANSWER.pack(number, outcome, 0, 0, 0, 0) + text
