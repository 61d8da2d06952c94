"""Renews a worker's leases while it works on the files, or other machines would take them."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from index.base.errors import StoreUnavailableError
from index.database.engine import Database
from index.database.queries import leases
from index.database.queries.queue import Claim

log = logging.getLogger(__name__)


@contextmanager
def kept(database: Database, claims: Sequence[Claim]) -> Iterator[None]:
    """Keep *claims* meanwhile, by a thread of their own; nothing to do where nobody else is."""
    if not database.is_shared:
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_renew, args=(database, claims, done), name="leases")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _renew(database: Database, claims: Sequence[Claim], done: threading.Event) -> None:
    while not done.wait(leases.RENEW_SECONDS):
        try:
            with database.write() as connection:
                leases.renew(connection, claims)
        except StoreUnavailableError as error:
            log.warning("ingest.leases_not_renewed reason=%s", error)
