"""Renews a worker's leases while it works on the files, or other machines would take them."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from index.base.errors import StoreUnavailableError
from index.base.repeating import repeated
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
    with repeated(partial(_renew, database, claims), leases.RENEW_SECONDS, "leases"):
        yield


def _renew(database: Database, claims: Sequence[Claim]) -> None:
    try:
        with database.write() as connection:
            leases.renew(connection, claims)
    except StoreUnavailableError as error:
        log.warning("ingest.leases_not_renewed reason=%s", error)
