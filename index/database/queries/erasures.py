"""Rows of erasures; removes images with everything that was derived from them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from index.database.queries import stored_images
from index.database.queries.files import FileRow, rows_of, signatures_below
from index.database.queries.lookup import in_lists
from index.database.schema import (
    Chunk,
    Erasure,
    Face,
    File,
    Generation,
    Image,
    Snapshot,
    SnapshotChunk,
)
from index.database.states import ErasureAction

BATCH = 4096  # digests read at once


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision about content, as logged."""

    seq: int
    content: bytes  # HMAC-SHA256 of the content's SHA-256
    action: ErasureAction
    at: float  # seconds since 1970


def last_seq(connection: Connection) -> int:
    """The last log entry that was applied; 0 when there is none."""
    return connection.scalar(select(func.max(Erasure.seq))) or 0


def last(connection: Connection) -> Entry | None:
    """The last log entry that was applied."""
    row = connection.execute(
        select(Erasure.seq, Erasure.content, Erasure.action, Erasure.at)
        .order_by(Erasure.seq.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else Entry(row.seq, row.content, ErasureAction(row.action), row.at)


def record(connection: Connection, entries: Sequence[Entry]) -> None:
    """Record that log entries have been applied."""
    if entries:
        connection.execute(
            insert(Erasure),
            [{"seq": e.seq, "content": e.content, "action": e.action, "at": e.at} for e in entries],
        )


def suppressed(connection: Connection, contents: Collection[bytes]) -> set[bytes]:
    """The *contents* that must not be indexed, by their last entry."""
    latest: dict[bytes, str] = {}
    for some in in_lists(list(contents)):
        found = connection.execute(
            select(Erasure.content, Erasure.action)
            .where(Erasure.content.in_(some))
            .order_by(Erasure.seq)
        )
        latest.update((row[0], row[1]) for row in found)
    return {content for content, action in latest.items() if action == ErasureAction.SUPPRESS}


def digests(connection: Connection) -> Iterator[tuple[int, bytes]]:
    """The id and SHA-256 of every image."""
    rows = connection.execute(select(Image.id, Image.sha256).execution_options(yield_per=BATCH))
    for row in rows:
        yield row[0], row[1]


def embeddings(connection: Connection, images: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """The generation and raw vector of every face in *images*, in all generations."""
    for some in in_lists(images):
        rows = connection.execute(
            select(Face.generation_id, Face.embedding).where(Face.image_id.in_(some))
        )
        for row in rows:
            yield row[0], row[1]


def paths_of(connection: Connection, images: Sequence[int]) -> list[str]:
    """The paths of all files that hold *images*."""
    found: list[str] = []
    for some in in_lists(images):
        found.extend(connection.scalars(select(File.path).where(File.image_id.in_(some))))
    return found


def remove_images(connection: Connection, images: Sequence[int]) -> None:
    """Remove *images*, their files' rows and all their faces; record that in the changelog."""
    for some in in_lists(images):
        connection.execute(delete(File).where(File.image_id.in_(some)))
        stored_images.drop_analyses(connection, some)
        connection.execute(delete(Image).where(Image.id.in_(some)))


def remove_files(connection: Connection, paths: Sequence[str]) -> None:
    """Remove the rows of *paths*, in any state."""
    for some in in_lists(paths):
        connection.execute(delete(File).where(File.path.in_(some)))


def drop_snapshots(connection: Connection) -> None:
    """Remove the stored snapshots of all generations: they hold vectors."""
    for table in (SnapshotChunk, Snapshot, Chunk):
        connection.execute(delete(table))


def rows_at(connection: Connection, path: str) -> dict[str, FileRow]:
    """The rows of *path* and of everything below it."""
    below = signatures_below(connection, path)
    return rows_of(connection, [path, *below])


def digests_of(connection: Connection, images: Sequence[int]) -> dict[int, bytes]:
    """The SHA-256 of *images*."""
    found: dict[int, bytes] = {}
    for some in in_lists(images):
        rows = connection.execute(select(Image.id, Image.sha256).where(Image.id.in_(some)))
        found.update((row[0], row[1]) for row in rows)
    return found


def indexed_before(connection: Connection, then: float, limit: int) -> dict[int, bytes]:
    """The id and SHA-256 of images first indexed before *then*, the oldest first."""
    rows = connection.execute(
        select(Image.id, Image.sha256)
        .where(Image.created_at < then)
        .order_by(Image.created_at)
        .limit(limit)
    )
    return {row[0]: row[1] for row in rows}


def profiles(connection: Connection) -> dict[int, str]:
    """The profile of every generation, in any state, as JSON."""
    return {row[0]: row[1] for row in connection.execute(select(Generation.id, Generation.profile))}
