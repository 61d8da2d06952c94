"""The hostile decoder on a kernel without seccomp."""

from index.base import kernel
from tests.ingest import hostile_decoder


def main() -> None:
    kernel._can_filter = lambda: False
    hostile_decoder.main()
