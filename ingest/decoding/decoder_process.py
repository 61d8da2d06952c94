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

import numpy as np

from index.base.errors import UnreadableImageError
from index.base.image_formats import HEIC
from ingest.decoding import pixels
from ingest.decoding.confinement import confine, end_with, grant_processor
from ingest.decoding.crops import crop_faces
from ingest.decoding.openers import without_reader
from ingest.decoding.warm_up import warm_up
from ingest.interfaces import Crops

# A question: its number, megapixels allowed, seconds to compute, bytes of the file, edge_px, the
# number of boxes; then the boxes, float64. Without boxes it asks for the photo, with boxes for
# its crops.
QUESTION = struct.Struct("<QIIQII")
BOX_BYTES = 4 * 8
MOST_BOXES = 1000
# An answer: the question's number, its outcome, the first two edges of the array of pixels, the
# full image's width and height (0 for crops); then the reason, if there is one, in UTF-8.
ANSWER = struct.Struct("<QcIIII")
READY = b"ready"
DONE, UNREADABLE, PARTIAL, TOO_LARGE = b"d", b"u", b"p", b"m"
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
        while question := channel.recv(QUESTION.size + MOST_BOXES * BOX_BYTES):
            channel.send(_answer(question, arena, output_at))


def _answer(question: bytes, arena: mmap.mmap, output_at: int) -> bytes:
    number, megapixels, seconds, size, edge_px, boxes = QUESTION.unpack_from(question)
    grant_processor(seconds)
    data = arena[:size]
    full_size = (0, 0)
    try:
        if boxes:
            found = _crops(data, megapixels, question[QUESTION.size :])
        else:
            found, full_size = pixels.decode_reduced(data, megapixels, edge_px or None)
        np.frombuffer(arena, np.uint8, found.size, output_at).reshape(found.shape)[:] = found
    except UnreadableImageError as error:
        return _refusal(number, PARTIAL if error.maybe_partial else UNREADABLE, str(error))
    except MemoryError:
        return _refusal(number, TOO_LARGE, "")
    except Exception as error:  # noqa: BLE001 - on foreign bytes Pillow may raise anything
        return _refusal(number, UNREADABLE, f"it makes the decoder fail ({type(error).__name__})")
    return ANSWER.pack(number, DONE, *found.shape[:2], *full_size)


def _crops(data: bytes, megapixels: int, boxes: bytes) -> Crops:
    """Crops of *boxes*, which are in pixels of the file, where those can all be kept or not."""
    found, (width, height) = pixels.decode_reduced(data, megapixels, None)
    x, y = found.shape[1] / width, found.shape[0] / height
    corners = np.frombuffer(boxes, np.float64).reshape(-1, 4) * (x, y, x, y)
    return crop_faces(found, [(box[0], box[1], box[2], box[3]) for box in corners.tolist()])


def _refusal(number: int, outcome: bytes, reason: str) -> bytes:
    text = reason.encode("utf-8", "replace")[:MOST_REASON_BYTES]
    return ANSWER.pack(number, outcome, 0, 0, 0, 0) + text
