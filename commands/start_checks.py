"""Checks whether serve can start: serve itself refuses by it, and config tells of it."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from commands.console import naming_folders
from index.base.errors import ConfigError

if TYPE_CHECKING:
    from index.base.database_url import Address
    from index.base.kernel import Offer
    from index.base.settings import Settings


def check_start(settings: "Settings") -> "Offer":
    """Find out whether serve and its ingest can start. It makes and opens nothing that stays.

    Returns: how decoders can be confined here.

    Raises:
        ConfigError, StoreError: they cannot; the text gives the reason.
    """
    from index.base.kernel import check_confinement
    from index.base.tokens import read_tokens
    from ingest.networks.recogniser import describe
    from service.edge.listening import listen
    from service.guards.auth import check_exposure

    check_exposure(settings)
    found = check_confinement(settings.confinement)
    if settings.tokens is not None:
        read_tokens(settings.tokens)
    describe(settings.model)
    with naming_folders():
        _check_folders(settings)
        _check_database(settings.database_address)
        for socket in listen(settings):
            socket.close()
        _check_certificate(settings)
    return found


def _check_folders(settings: "Settings") -> None:
    from index.base.private_folder import make_private

    for name, folder in (
        ("inbox", settings.inbox),
        *(("roots", root) for root in settings.roots),
    ):
        if os.path.lexists(folder):
            os.scandir(folder).close()  # photos may lie where nothing can be written
        else:
            _check_writable(folder, name)
    _check_writable(settings.data, "data")
    if settings.data.is_dir():
        make_private(settings.data)


def _check_writable(folder: Path, setting: str) -> None:
    """Make sure that files can be made in a folder, or that the folder can be made."""
    place = folder
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        raise ConfigError(f"setting {setting}: {place} is no folder")
    try:
        tempfile.TemporaryFile(dir=place, prefix=".").close()  # it has no name, or not for long
    except OSError as error:
        raise ConfigError(
            f"setting {setting}: {place} cannot be written ({error.strerror})"
        ) from error


def _check_database(address: "Address") -> None:
    from index.database.engine import Database
    from index.database.whereabouts import is_missing

    if not is_missing(address):
        Database(address).close()


def _check_certificate(settings: "Settings") -> None:
    from service.edge.tls import own_pair, present_pair, server_context

    if not settings.tls:
        return
    if pair := own_pair(settings) or present_pair(settings.data, settings.host):
        server_context(*pair)
