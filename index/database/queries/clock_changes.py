"""Corrects the times in the rows after the machine's clock was changed."""

from sqlalchemy import Connection, update

from index.database.schema import File, Image
from index.database.states import FileState


def cap_waits(connection: Connection, now: float, settle_seconds: float, retry: float) -> int:
    """Shorten waits that a change of the clock has made too long.

    Args:
        settle_seconds: the longest wait of a new file.
        retry: the longest wait of a failed file, in seconds.

    Returns: the number of files whose wait was shortened.
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
    """Move the dates of images first indexed from *since* to *until*, when the clock was wrong."""
    connection.execute(
        update(Image)
        .where(Image.created_at >= since, Image.created_at <= until)
        .values(created_at=Image.created_at + seconds)
    )


def cap_creation(connection: Connection, now: float) -> None:
    """Date images from the future to now, or they would be kept too long."""
    connection.execute(update(Image).where(Image.created_at > now).values(created_at=now))
