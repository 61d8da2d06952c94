"""Analyses: counts of the images and faces of a generation, and of those it lacks."""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, bindparam, func, select

from index.database.queries.lookup import Lookup
from index.database.schema import Analysis, Face, File
from index.database.states import FileState

_ANALYSES_BY_IMAGE = Lookup(
    Analysis.image_id,
    select(Analysis.image_id, Analysis.face_count).where(
        Analysis.generation_id == bindparam("generation")
    ),
)


def face_counts(
    connection: Connection, generation_id: int, images: Sequence[int]
) -> dict[int, int]:
    """The number of faces found in each analysed image of *images*; others are left out."""
    rows = _ANALYSES_BY_IMAGE.rows(connection, images, generation=generation_id)
    return {row[0]: row[1] for row in rows}


def images_with_faces(connection: Connection, generation_id: int) -> list[int]:
    """The images in which a generation found faces, by id."""
    found = select(Analysis.image_id).where(
        Analysis.generation_id == generation_id, Analysis.face_count > 0
    )
    return list(connection.scalars(found.order_by(Analysis.image_id)))


def totals(connection: Connection, generation_id: int) -> dict[str, int]:
    """The number of images, of images without a face, and of faces."""
    analysed = select(func.count()).where(Analysis.generation_id == generation_id)
    return {
        "images": connection.scalar(analysed) or 0,
        "faceless_images": connection.scalar(analysed.where(Analysis.face_count == 0)) or 0,
        "faces": connection.scalar(select(func.count()).where(Face.generation_id == generation_id))
        or 0,
    }


def unanalysed_images(connection: Connection, generation_id: int) -> list[int]:
    """Images of indexed files that the generation has not analysed."""
    done = and_(Analysis.image_id == File.image_id, Analysis.generation_id == generation_id)
    return list(
        connection.scalars(
            select(File.image_id)
            .where(
                File.state == FileState.INDEXED,
                File.image_id.is_not(None),
                ~select(Analysis.image_id).where(done).exists(),
            )
            .distinct()
        )
    )


def miscounted_images(connection: Connection, generation_id: int) -> list[tuple[int, int, int]]:
    """Images with more or fewer face rows than were found: (image id, expected, present)."""
    present = (
        select(Face.image_id, func.count().label("n"))
        .where(Face.generation_id == generation_id)
        .group_by(Face.image_id)
        .subquery()
    )
    counted = func.coalesce(present.c.n, 0)
    found = connection.execute(
        select(Analysis.image_id, Analysis.face_count, counted)
        .outerjoin(present, present.c.image_id == Analysis.image_id)
        .where(Analysis.generation_id == generation_id, Analysis.face_count != counted)
    )
    return [(row[0], row[1], row[2]) for row in found]
