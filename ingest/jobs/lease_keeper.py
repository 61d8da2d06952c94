"""Renews a process's leases while it works, or other machines would take what it has in hand."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from sqlalchemy import Connection

from index.base.errors import StoreUnavailableError
from index.base.repeating import repeated
from index.database.engine import Database
from index.database.queries import leases

log = logging.getLogger(__name__)


@contextmanager
def kept(database: Database, renew: Callable[[Connection], object]) -> Iterator[None]:
    """Call *renew* now and then, in a thread of its own; never where nobody else is."""
    if not database.is_shared:
        yield
        return
    with repeated(partial(_renew, database, renew), leases.RENEW_SECONDS, "leases"):
        yield


def _renew(database: Database, renew: Callable[[Connection], object]) -> None:
    try:
        with database.write() as connection:
            renew(connection)
    except StoreUnavailableError as error:
        log.warning("ingest.leases_not_renewed reason=%s", error)
