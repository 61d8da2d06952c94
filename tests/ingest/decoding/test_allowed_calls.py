"""The system calls of the list are enough for every format, and have the right numbers."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from index.base import kernel
from index.base.errors import UnreadableImageError
from ingest.decoding import allowed_calls
from ingest.decoding.decoder_pool import Decoders
from ingest.decoding.pixels import decode_reduced
from ingest.interfaces import STANDARD
from tests.ingest.boxed import faces_in
from tests.ingest.samples import SAMPLES
from tests.ingest.sandboxed import LIMIT, is_well, reason

STRICT = "tests.ingest.strict_decoder"
HEADERS = [
    Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    Path("/usr/include/asm-generic/unistd.h"),
]
needs_seccomp = pytest.mark.skipif(not kernel.offer().seccomp, reason="no seccomp")


@pytest.fixture(scope="module")
def strict() -> Iterator[Decoders]:
    """A process that dies of any system call that is not on the list."""
    decoders = Decoders(STRICT)
    yield decoders
    decoders.close()


@needs_seccomp
@pytest.mark.parametrize("kind", SAMPLES)
def test_every_format_is_decoded_with_the_system_calls_on_the_list(
    strict: Decoders, kind: str
) -> None:
    with strict.decoder(LIMIT) as confined:
        for edge_px in (None, 16):
            _, size, _ = confined.decode(SAMPLES[kind], edge_px)
            assert size == decode_reduced(SAMPLES[kind], LIMIT, edge_px)[1]
        faces = faces_in([(1.0, 2.0, 30.0, 40.0)])
        assert len(confined.crops(SAMPLES[kind], faces, STANDARD).standard) == 1
        with suppress(UnreadableImageError):
            confined.decode(SAMPLES[kind][: len(SAMPLES[kind]) // 2], None)
        assert confined.sandbox is not None
        assert confined.sandbox.is_alive


def test_the_system_calls_on_the_list_have_their_numbers() -> None:
    """As the kernel's headers have them, where they are installed."""
    for column, path in enumerate(HEADERS):
        if not path.exists():
            continue
        found = dict(re.findall(r"#define __NR\w*?_(\w+)\s+(\d+)", path.read_text()))
        for name, numbers in allowed_calls.NUMBERS.items():
            assert int(found[name]) == numbers[column], name


@needs_seccomp
def test_any_other_call_ends_the_strict_process(strict: Decoders) -> None:
    """Else the test above could not fail."""
    with strict.decoder(LIMIT) as confined:
        assert is_well(confined)
        assert reason(confined, b"open") == "decoding it crashed the decoder (SIGSYS)"
