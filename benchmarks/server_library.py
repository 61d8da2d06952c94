"""Large libraries in PostgreSQL: rows that the server makes itself, from some drawn vectors.

The vectors are those of a synthetic library of POOL faces, over and over. Every file holds one
face.
"""

import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from psycopg import Connection
from synthetic import Library

from index.base.arrays import length
from index.base.paths import signature_of

POOL = 100_000
STEP = 100_000  # rows of one INSERT

_MAKE_POOL = (
    "CREATE UNLOGGED TABLE pool (number int PRIMARY KEY, embedding bytea, crc32 bigint, norm float)"
)
_ROWS = """
INSERT INTO images (id, sha256, width, height, created_at)
SELECT number + 1, sha256(int8send(number)), 250, 250, 0
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number;

INSERT INTO files (path, size, mtime_ns, ctime_ns, inode, state, image_id, attempts, priority)
SELECT
    %(inbox)s || '/' || lpad((number / 1000)::text, 4, '0') || '/photo-'
    || lpad(number::text, 7, '0') || '.jpg',
    1, 1, 1, '1', 'indexed', number + 1, 0, 0
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number;

INSERT INTO analyses (image_id, generation_id, face_count)
SELECT number + 1, %(generation)s, 1
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number;

INSERT INTO faces (
    image_id, generation_id, x1, y1, x2, y2, probability, landmarks, sharpness, dim, embedding,
    crc32, embedding_norm
)
SELECT
    series.number + 1, %(generation)s, 80, 80, 170, 200, 0.99, decode(repeat('00', 40), 'hex'),
    100, length(embedding) / 4, embedding, crc32, norm
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS series (number)
JOIN pool ON pool.number = series.number %% %(pool)s
ORDER BY series.number;

INSERT INTO changelog (generation_id, face_id, added)
SELECT %(generation)s, number + 1, true
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number
"""
_PENDING = """
INSERT INTO files (path, size, mtime_ns, ctime_ns, inode, state, attempts, priority, ready_at)
SELECT %(inbox)s || '/new/' || number || '.jpg', 1, 1, 1, '1', 'pending', 0, 0, number
FROM generate_series(1, %(count)s) AS number
"""


def add_pending(connection: Connection, inbox: Path, count: int) -> None:
    """Add *count* files that wait to be read."""
    connection.execute(_PENDING, {"inbox": os.path.realpath(inbox), "count": count})


def fill(connection: Connection, inbox: Path, generation: int, faces: int, dim: int) -> None:
    """Add a library of *faces* files to a database that has the tables.

    Args:
        dim: the numbers of a vector.
    """
    drawn = Library(POOL, dim=dim)
    # the rows refer to each other by construction; checking each takes longer than writing it
    connection.execute("SET session_replication_role = replica")
    connection.execute(_MAKE_POOL)
    with connection.cursor() as cursor, cursor.copy("COPY pool FROM STDIN") as copy:
        for number, vector in enumerate(drawn.vectors(0, min(POOL, faces))):
            blob = vector.tobytes()
            copy.write_row((number, blob, zlib.crc32(blob), length(vector)))
    for first in range(0, faces, STEP):
        given = {"inbox": os.path.realpath(inbox), "generation": generation, "pool": POOL}
        given |= {"first": first, "last": min(first + STEP, faces) - 1}
        for statement in _ROWS.split(";"):
            connection.execute(statement, given)
    connection.execute("DROP TABLE pool")
    connection.execute("SELECT setval(pg_get_serial_sequence('images', 'id'), %s)", (faces,))
    connection.execute("VACUUM (ANALYZE, FREEZE)")


def questions(faces: int, files: int, count: int) -> list[list[int]]:
    """The numbers of the files of *count* questions: all photos of some people, spread evenly."""
    drawn = Library(min(POOL, faces))
    turns = max(1, faces // POOL)
    return [
        [number + POOL * ((seed * 31 + place) % turns) for place, number in enumerate(some)]
        for seed, some in enumerate(drawn.disjoint(files, count))
    ]


def put_on_disk(connection: Connection, inbox: Path, numbers: Sequence[int]) -> None:
    """Make the files of *numbers*, and have their rows say what is there."""
    names = Library(POOL)
    for number in numbers:
        path = os.path.join(os.path.realpath(inbox), names.name(number))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(path).write_bytes(b"x")
        connection.execute(
            "UPDATE files SET size = %s, mtime_ns = %s, ctime_ns = %s, inode = %s WHERE path = %s",
            (*signature_of(os.lstat(path)), path),
        )
