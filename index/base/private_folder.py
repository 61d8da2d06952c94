"""Keeps the data folder private to its owner, even with another umask or another maker."""

import logging
import os
import stat
from pathlib import Path

from index.base.errors import ConfigError

log = logging.getLogger(__name__)

PRIVATE = 0o700
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private(folder: Path) -> None:
    """Make *folder* if it is not there, and close it to all other users if it is.

    Raises:
        ConfigError: others can enter or read it, and this process cannot change that.
        OSError: it cannot be made or looked at.
    """
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    mode = _others(folder)
    if not mode:
        return
    try:
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) & ~OTHERS)
    except OSError as error:
        raise ConfigError(
            f"other users can open the data folder {folder}, and it cannot be closed to them "
            f"({os.strerror(error.errno or 0)}): name one of your own in the setting data"
        ) from error
    if _others(folder):  # a mounted share may ignore the change
        raise ConfigError(
            f"other users can open the data folder {folder}, and its file system keeps it so: "
            "name another one in the setting data"
        )
    log.warning("data_folder.closed mode_before=%s", f"{mode:o}")


def _others(folder: Path) -> int:
    """What users other than the owner may do there, as permission bits."""
    return stat.S_IMODE(folder.stat().st_mode) & OTHERS
