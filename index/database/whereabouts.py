"""Asks about a database by its address, without opening it."""

from pathlib import Path

from index.base.database_url import Address
from index.base.errors import ConfigError
from index.database.engines import engine_at


def place_of(address: Address) -> str:
    """The *address* for people and logs, without secrets."""
    return engine_at(address).place


def exists(address: Address) -> bool:
    """Whether there is anything at *address*, perhaps no library.

    Raises:
        StoreUnavailableError: the server cannot be reached.
    """
    return engine_at(address).exists()


def is_missing(address: Address) -> bool:
    """Whether there is no database at *address*, or only what an interrupted creation left there.

    Raises:
        StoreUnavailableError: the server cannot be reached.
    """
    return engine_at(address).is_missing()


def file_to_copy(address: Address) -> Path:
    """The file of a database that backup and restore copy.

    Raises:
        ConfigError: it is on a server; the text says what to use instead.
    """
    engine = engine_at(address)
    if engine.path is None or engine.instead.backup is not None:
        raise ConfigError(engine.instead.backup or f"{engine.place} is no file")
    return engine.path
