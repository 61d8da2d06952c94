"""The state of the service, for /status and /readyz."""

import time
from dataclasses import dataclass
from typing import Any

from index.base import kernel
from index.database.engine import Database
from index.database.queries import generations
from index.library.ingest_report import stored_report
from index.library.status import status_document
from service.answering.follower import Follower
from service.children.ingest_keeper import IngestKeeper


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """The parts whose state is reported.

    Attributes:
        ingest: keeps the ingest process running; None when it runs elsewhere.
    """

    database: Database
    follower: Follower
    ingest: IngestKeeper | None

    def document(self) -> dict[str, Any]:
        """The document of /status."""
        ingest: dict[str, Any] = {"process": "elsewhere"}
        if self.ingest is not None:
            ingest = {"process": self.ingest.state(), "restarts": self.ingest.restarts}
        return {
            **status_document(self.database, self.follower.scale),
            "index": self.follower.status(),
            "confinement": kernel.offer()._asdict(),
            "ingest": ingest | stored_report(self.database, time.time()),
        }

    def missing(self) -> str | None:
        """The reason why the service cannot answer yet, or None."""
        self.database.check_in_place()
        if not self.follower.ready:
            return "the index is not loaded"
        with self.database.read() as connection:
            if generations.active(connection) is None:
                return "nothing has been indexed yet"
        return None
