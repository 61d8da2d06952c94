"""The hostile decoder, but it dies of a system call that is not on the list (SIGSYS)."""

from functools import partial

from ingest.decoding import seccomp
from tests.ingest import hostile_decoder


def main() -> None:
    seccomp.restrict = partial(seccomp.restrict, otherwise=seccomp.KILL)
    hostile_decoder.main()
