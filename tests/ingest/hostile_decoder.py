"""The real process for decoding, but with a decoder that a file can make misbehave.

What a file does is its first word; anything else is decoded. Code that could do so is nowhere else.
"""

import ctypes
import json
import mmap
import os
import signal
import sys
import threading
from collections.abc import Callable

from index.base.errors import UnreadableImageError
from ingest.decoding import decoder_process, pixels
from ingest.decoding.decoder_process import ANSWER, DONE, QUESTION, UNREADABLE
from tests.ingest import payload

FORBIDDEN = ("torch", "openvino", "sqlite3", "pysqlite3", "sqlalchemy", "scipy", "watchdog")


def _say(what: object) -> None:
    raise UnreadableImageError(f"told: {what}")


def _eat() -> None:
    eaten = []
    while True:
        eaten.append(bytearray(50_000_000))


def _spin() -> None:
    while True:
        pass


def _open() -> None:
    try:
        os.open("/etc/passwd", os.O_RDONLY)
    except OSError as error:
        _say(error.strerror)
    _say("opened")


def _shrink() -> None:
    """Take the shared memory away from under whoever reads it."""
    said = []
    for number in range(3, 20):
        try:
            os.ftruncate(number, 4096)
        except OSError as error:
            said.append(error.strerror)
    _say("Operation not permitted" in said)


def _kill_itself(number: int) -> None:
    """As abort() does; kill() is for others, and refused."""
    signal.pthread_kill(threading.get_ident(), number)


DEEDS: dict[bytes, Callable[[], object]] = {
    b"crash": lambda: ctypes.string_at(0),
    b"abort": os.abort,
    b"killed": lambda: _kill_itself(signal.SIGKILL),
    b"nameless": lambda: _kill_itself(signal.SIGRTMIN + 3),
    b"exit": lambda: os._exit(3),
    b"raise": lambda: 1 // 0,
    b"spin": _spin,
    b"sleep": threading.Event().wait,
    b"eat": _eat,
    b"open": _open,
    b"shrink": _shrink,
    b"environment": lambda: _say(sorted(os.environ)),
    b"modules": lambda: _say([name for name in FORBIDDEN if name in sys.modules]),
    b"strange": lambda: _say("a\nb\x1b[31m\u202e" + "x" * 1000),
}

LIES: dict[bytes, Callable[[int], bytes]] = {
    b"lie huge": lambda n: ANSWER.pack(n, DONE, 60_000, 60_000, 60_000, 60_000),
    b"lie beyond": lambda n: ANSWER.pack(n, DONE, 8_000, 8_000, 8_000, 8_000),
    b"lie reduced": lambda n: ANSWER.pack(n, DONE, 400, 400, 100, 100),
    b"lie empty": lambda n: ANSWER.pack(n, DONE, 0, 0, 100, 100),
    b"lie stale": lambda n: ANSWER.pack(n - 1, DONE, 100, 100, 100, 100),
    b"lie short": lambda _: b"x",
    b"lie long": lambda n: ANSWER.pack(n, UNREADABLE, 0, 0, 0, 0) + b"y" * 100_000,
    b"lie unknown": lambda n: ANSWER.pack(n, b"?", 0, 0, 0, 0),
}


def _first_word(data: bytes) -> bytes:
    return data[:40].split(b"\n")[0]


def main() -> None:
    if os.getuid() != os.geteuid():  # root has started it for somebody
        os.setresgid(*[os.getgid()] * 3)
        os.setresuid(*[os.getuid()] * 3)
    decode_reduced, answer = pixels.decode_reduced, decoder_process._answer

    def hostile_decode(data: bytes, max_megapixels: int, edge_px: int | None) -> pixels.Decoded:
        if deed := DEEDS.get(_first_word(data)):
            deed()
        if _first_word(data) == b"payload":
            _say(payload.attempts(payload.Target(*json.loads(data.split(b"\n")[1]))))
        return decode_reduced(data, max_megapixels, edge_px)

    def hostile_answer(question: bytes, arena: mmap.mmap, output_at: int) -> bytes:
        number, _, _, size, *_ = QUESTION.unpack_from(question)
        if lie := LIES.get(_first_word(arena[:size])):
            return lie(number)
        return answer(question, arena, output_at)

    pixels.decode_reduced, decoder_process._answer = hostile_decode, hostile_answer
    decoder_process.main()
