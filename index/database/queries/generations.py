"""Generations: one pass of one model over the library. Exactly one is active."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, func, insert, select, true, update

from index.base.errors import StoreError
from index.database.queries.lookup import Lookup
from index.database.schema import (
    Analysis,
    Change,
    Chunk,
    Face,
    File,
    Generation,
    Image,
    SnapshotChunk,
)
from index.database.schema import Snapshot as SnapshotRow
from index.database.states import GenerationState

FILLED = (GenerationState.BUILDING, GenerationState.BESIDE)  # by a re-index


@dataclass(frozen=True, slots=True)
class GenerationRow:
    """A generation as the rest of the program sees it."""

    id: int
    model_id: str
    model: str
    profile: str  # JSON of index.vectors.space.Profile


_BY_STATE = Lookup(
    Generation.state,
    select(Generation.id, Generation.model_id, Generation.model, Generation.profile),
)


def _one(connection: Connection, state: GenerationState) -> GenerationRow | None:
    rows = _BY_STATE.rows(connection, [state.value])
    return GenerationRow(*rows[0]) if rows else None


def active(connection: Connection) -> GenerationRow | None:
    """The generation that answers come from; None before the first start of ingest."""
    return _one(connection, GenerationState.ACTIVE)


def building(connection: Connection) -> GenerationRow | None:
    """The generation that a re-index is filling, if one is under way."""
    return _one(connection, GenerationState.BUILDING)


def beside(connection: Connection) -> GenerationRow | None:
    """The generation of a second model, with whose count /persons compares its own, if any."""
    return _one(connection, GenerationState.BESIDE)


def create(
    connection: Connection,
    *,
    model_id: str,
    model: str,
    profile: str,
    state: GenerationState,
    now: float,
) -> GenerationRow:
    """Add a generation.

    Args:
        profile: JSON of index.vectors.space.Profile.
        now: seconds since 1970.
    """
    values = {"model_id": model_id, "model": model, "profile": profile}
    made = connection.execute(
        insert(Generation).values(**values, state=state, created_at=now).returning(Generation.id)
    ).scalar_one()
    return GenerationRow(made, **values)


def set_profile(connection: Connection, generation_id: int, profile: str) -> None:
    """Give a generation another profile; indexes that follow it rebuild themselves."""
    connection.execute(
        update(Generation).where(Generation.id == generation_id).values(profile=profile)
    )


def takes_faces(connection: Connection, generation_id: int) -> bool:
    """Whether faces may be stored for a generation: it is there, and not given up."""
    state = connection.scalar(select(Generation.state).where(Generation.id == generation_id))
    return state in {GenerationState.ACTIVE, *FILLED}


def missing_images(
    connection: Connection,
    generation_id: int,
    after_image: int,
    limit: int,
    last_image: int | None = None,
) -> list[tuple[int, bytes]]:
    """Images in use that *generation_id* has not analysed: (id, SHA-256), by id.

    Args:
        after_image, last_image: from above the one to the other; None: no end.
    """
    done = and_(Analysis.image_id == Image.id, Analysis.generation_id == generation_id)
    found = connection.execute(
        select(Image.id, Image.sha256)
        .where(
            Image.id > after_image,
            true() if last_image is None else Image.id <= last_image,
            select(File.id).where(File.image_id == Image.id).exists(),
            ~select(Analysis.image_id).where(done).exists(),
        )
        .order_by(Image.id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in found]


def progress(connection: Connection, generation_id: int) -> tuple[int, int]:
    """The number of images in use that *generation_id* has analysed, and of all in use."""
    used = select(File.id).where(File.image_id == Image.id).exists()
    total = connection.scalar(select(func.count()).select_from(Image).where(used)) or 0
    done = connection.scalar(
        select(func.count())
        .select_from(Image)
        .join(Analysis, Analysis.image_id == Image.id)
        .where(used, Analysis.generation_id == generation_id)
    )
    return done or 0, total


def switch(connection: Connection, to_id: int) -> int | None:
    """Make *to_id* the active generation. Returns the id of the one before.

    The caller's transaction makes this atomic. In the same transaction the caller must have checked
    that *to_id* lacks no image.
    """
    before = active(connection)
    if before is not None:
        if before.id == to_id:
            raise StoreError(f"generation {to_id} is active already")
        retire(connection, before.id)
    connection.execute(
        update(Generation).where(Generation.id == to_id).values(state=GenerationState.ACTIVE)
    )
    return None if before is None else before.id


def retire(connection: Connection, generation_id: int) -> None:
    """Mark a generation for removal by remove_some()."""
    connection.execute(
        update(Generation)
        .where(Generation.id == generation_id)
        .values(state=GenerationState.RETIRED)
    )


def retired(connection: Connection) -> list[GenerationRow]:
    """The generations that are to be removed."""
    return [GenerationRow(*row) for row in _BY_STATE.rows(connection, [GenerationState.RETIRED])]


def past(connection: Connection) -> list[GenerationRow]:
    """Generations of which only the profile is left: the newest of each model, by id."""
    rows = _BY_STATE.rows(connection, [GenerationState.PAST])
    return sorted((GenerationRow(*row) for row in rows), key=lambda row: row.id)


def drop_past(connection: Connection, model_id: str | None = None) -> None:
    """Forget the profiles of past generations, all or those of one model."""
    some = delete(Generation).where(Generation.state == GenerationState.PAST)
    if model_id is not None:
        some = some.where(Generation.model_id == model_id)
    connection.execute(some)


def remove_some(
    connection: Connection, generation: GenerationRow, limit: int, *, keep_profile: bool = False
) -> bool:
    """Remove up to *limit* faces of a generation; if it has none left, remove it itself.

    Args:
        keep_profile: keep its row as the past() generation of its model.

    Returns: True while there is more to remove.
    """
    generation_id = generation.id
    some = select(Face.id).where(Face.generation_id == generation_id).limit(limit)
    if connection.execute(delete(Face).where(Face.id.in_(some))).rowcount:
        return True
    held = select(SnapshotRow.id).where(SnapshotRow.generation_id == generation_id)
    connection.execute(delete(SnapshotChunk).where(SnapshotChunk.snapshot_id.in_(held)))
    for table in (SnapshotRow, Chunk, Analysis, Change):
        connection.execute(delete(table).where(table.generation_id == generation_id))
    this = Generation.id == generation_id
    if keep_profile:
        drop_past(connection, generation.model_id)
        connection.execute(update(Generation).where(this).values(state=GenerationState.PAST))
    else:
        connection.execute(delete(Generation).where(this))
    return False
