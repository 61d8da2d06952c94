"""The hostile decoder on a kernel without Landlock."""

from index.base import kernel
from tests.ingest import hostile_decoder


def main() -> None:
    kernel._landlock_version = lambda: 0
    hostile_decoder.main()
