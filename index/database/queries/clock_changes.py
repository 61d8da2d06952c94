"""Times in the rows, and what becomes of them when the machine's clock is set."""

from sqlalchemy import Connection, update

from index.database.schema import File, Image
from index.database.states import FileState


def cap_waits(connection: Connection, now: float, settle_seconds: float, retry: float) -> int:
    """Let nothing wait longer than it could have to, had the clock never been set.

    Args:
        settle_seconds: how long a new file waits at most.
        retry: the same of one that failed.

    Returns: how many files waited for a time too far away.
    """
    capped = 0
    for state, seconds in ((FileState.PENDING, settle_seconds), (FileState.FAILED, retry)):
        latest = now + seconds
        capped += connection.execute(
            update(File).where(File.state == state, File.ready_at > latest).values(ready_at=latest)
        ).rowcount
    connection.execute(update(Image).where(Image.orphaned_at > now).values(orphaned_at=now))
    return capped


def redate_images(connection: Connection, since: float, until: float, seconds: float) -> None:
    """Move the dates of images first indexed from *since* to *until*: the clock was wrong then."""
    connection.execute(
        update(Image)
        .where(Image.created_at >= since, Image.created_at <= until)
        .values(created_at=Image.created_at + seconds)
    )


def cap_creation(connection: Connection, now: float) -> None:
    """Take images of the future for images of now, or they would be kept too long."""
    connection.execute(update(Image).where(Image.created_at > now).values(created_at=now))
