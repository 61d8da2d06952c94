"""Messages between our own processes: a JSON head and bytes after it, over a pipe."""

import json
import struct
from typing import Any, BinaryIO

from index.base.errors import FrameError

LENGTHS = struct.Struct(">II")  # of the head and of the body, in bytes
MAX_HEAD_BYTES = 1 << 20
MAX_BODY_BYTES = 1 << 26

Head = dict[str, Any]


def pack(head: Head, body: bytes = b"") -> bytes:
    """A message as bytes."""
    text = json.dumps(head).encode("ascii")
    return LENGTHS.pack(len(text), len(body)) + text + body


def lengths(prefix: bytes) -> tuple[int, int]:
    """The lengths of head and body, from the first LENGTHS.size bytes of a message.

    Raises:
        FrameError: longer than any message of ours.
    """
    head, body = LENGTHS.unpack(prefix)
    if head > MAX_HEAD_BYTES or body > MAX_BODY_BYTES:
        raise FrameError(f"a message of {head} and {body} bytes is too long")
    return head, body


def parse_head(text: bytes) -> Head:
    """The head of a message.

    Raises:
        FrameError: it is no JSON object.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise FrameError("the head of a message is no JSON") from error
    if not isinstance(found, dict):
        raise FrameError("the head of a message is no JSON object")
    return found


def read(stream: BinaryIO) -> tuple[Head, bytes] | None:
    """The next message, or None when the other side has closed the pipe.

    Raises:
        FrameError: it is malformed, or ends in the middle.
    """
    prefix = stream.read(LENGTHS.size)
    if not prefix:
        return None
    if len(prefix) < LENGTHS.size:
        raise FrameError("the pipe was closed in the middle of a message")
    head, body = lengths(prefix)
    data = stream.read(head + body)
    if len(data) < head + body:
        raise FrameError("the pipe was closed in the middle of a message")
    return parse_head(data[:head]), data[head:]
