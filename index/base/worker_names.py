"""Names of the processes that share a library: no two at work have the same."""

import hashlib
import os
import secrets
import socket
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def home_of(data: Path) -> str:
    """The beginning of the names of all processes that ingest into one data folder.

    One machine's, since its last start: another machine may have a data folder of the same path.
    A lock in the folder lets one of them work at a time. So whoever has the lock knows that all
    others with this beginning are gone.
    """
    boot = _BOOT.read_text(encoding="ascii").strip() if _BOOT.exists() else ""
    told = "\0".join([socket.gethostname(), boot, os.path.realpath(data)])
    return f"{hashlib.sha256(told.encode(errors='surrogateescape')).hexdigest()[:16]}/"


def folder_of(data: Path) -> str:
    """A short text that tells the data folders of one machine apart; the same after a restart."""
    return hashlib.sha256(os.fsencode(os.path.realpath(data))).hexdigest()[:8]


def new_name(data: Path) -> str:
    """A new name for a process that works with the data folder *data*."""
    return f"{home_of(data)}{os.getpid()}-{secrets.token_hex(4)}"
