"""The last report of the ingest process."""

from sqlalchemy import Connection, select

from index.database.engine import upsert
from index.database.schema import Report

_ONLY = 1  # there is one ingest process, and so one row


def write(connection: Connection, document: str, now: float) -> None:
    """Replace the last report with *document*, JSON."""
    values = {"document": document, "reported_at": now}
    connection.execute(
        upsert(Report)
        .values(id=_ONLY, **values)
        .on_conflict_do_update(index_elements=[Report.id], set_=values)
    )


def read(connection: Connection) -> tuple[str, float] | None:
    """The last report and when it was made (seconds since 1970), or None."""
    row = connection.execute(select(Report.document, Report.reported_at)).one_or_none()
    return None if row is None else (row[0], row[1])
