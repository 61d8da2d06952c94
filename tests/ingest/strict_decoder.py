"""The hostile decoder, but it dies of a system call that is not on the list (SIGSYS).

Only write() fails instead: libtiff warns of damaged files on standard error, which leads nowhere.
"""

import platform
from collections.abc import Mapping, Sequence

from ingest.decoding import seccomp
from tests.ingest import hostile_decoder

WRITE = {"x86_64": 1, "aarch64": 64}


def main() -> None:
    restrict = seccomp.restrict

    def strictly(calls: Mapping[int, Sequence[seccomp.Only]], unknown: Sequence[int]) -> None:
        restrict(calls, [*unknown, WRITE[platform.machine()]], seccomp.KILL)

    seccomp.restrict = strictly
    hostile_decoder.main()
