"""Databases of older revisions, and what lies in the tables of one."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pysqlite3.dbapi2 as sqlite_driver
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from index.base.database_url import Address
from index.database.engines import engine_at
from index.database.migration import integrity_problems
from index.database.revisions import MIGRATIONS
from index.vectors.space import Profile

PROFILE = Profile((0.0,) * 4, 0.4)
VECTORS = np.arange(12, dtype="<f4").reshape(3, 4) + 1
BLOBS = [vector.tobytes() for vector in VECTORS]


# Revisions that have landed are never edited: databases have been made with them.
FIRST_COLUMNS = {
    "generations": "id model_id weights profile state created_at",
    "images": "id sha256 width height orphaned_at",
    "files": (
        "id path size mtime_ns ctime_ns inode state image_id attempts error priority ready_at"
    ),
    "analyses": "image_id generation_id face_count",
    "faces": (
        "id image_id generation_id x1 y1 x2 y2 probability landmarks sharpness dim embedding crc32"
    ),
    "changelog": "seq generation_id face_id added",
}

RENAMED = {"weights": "model"}

POPULATION: dict[str, list[tuple[Any, ...]]] = {
    "generations": [(1, "model", "weights", PROFILE.to_json(), "active", 1.5)],
    "images": [(1, b"1" * 32, 640, 480, None), (2, b"2" * 32, 64, 48, 9.5)],
    "files": [
        (1, "/in/人.jpg", 1, 2, 3, "18446744073709551615", "indexed", 1, 0, None, 0, None),
        (2, "/in/b.jpg", 1, 2, 3, "7", "failed", None, 2, "it is cut off", 0, 99.5),
        (3, "/in/c.jpg", 1, 2, 3, "8", "pending", None, 0, None, 1, 3.5),
    ],
    "analyses": [(1, 1, 2), (2, 1, 1)],
    "faces": [
        (5, 1, 1, -1.5, 2.0, 3.0, 4.0, 0.99, b"", 7.25, 4, BLOBS[0], zlib.crc32(BLOBS[0])),
        (6, 1, 1, 1.0, 2.0, 3.0, 4.0, 0.98, b"", 7.25, 4, BLOBS[1], zlib.crc32(BLOBS[1])),
        (9, 2, 1, 1.0, 2.0, 3.0, 4.0, 0.97, b"", 7.25, 4, BLOBS[2], zlib.crc32(BLOBS[2])),
    ],
    "changelog": [(1, 1, 5, 1), (2, 1, 6, 1), (3, 1, 9, 1)],
}


def alembic(address: Address, action: Callable[[Config, str], None], revision: str) -> None:
    """Run an Alembic command as index.database.migration.migrate does."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine_at(address).alone() as connection:
        connection.begin()
        config.attributes["connection"] = connection
        action(config, revision)
        assert integrity_problems(connection) == []
        connection.commit()


def run(path: Path, sql: str, *rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Run *sql* past SQLAlchemy, once for each of *rows*."""
    connection = sqlite_driver.connect(path)
    try:
        found: list[tuple[Any, ...]] = []
        for row in rows or [()]:
            found += connection.execute(sql, row).fetchall()
        connection.commit()
        return found
    finally:
        connection.close()


def populate(path: Path) -> None:
    """Fill a database of the first revision."""
    alembic(path, command.upgrade, "0001")
    for table, rows in POPULATION.items():
        names = FIRST_COLUMNS[table].split()
        marks = ", ".join("?" * len(names))
        run(path, f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", *rows)


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The columns that the first revision had, of all rows; one was renamed since."""
    found = {}
    for table, names in FIRST_COLUMNS.items():
        there = columns(path, table).split()
        chosen = [name if name in there else RENAMED[name] for name in names.split()]
        found[table] = run(path, f"SELECT {', '.join(chosen)} FROM {table} ORDER BY 1, 2")
    return found


def columns(path: Path, table: str) -> str:
    return " ".join(row[1] for row in run(path, f"PRAGMA table_info({table})"))


def tables(path: Path) -> dict[str, str]:
    return dict(run(path, "SELECT name, sql FROM sqlite_master WHERE type = 'table'"))


def older_revisions() -> list[str]:
    script = ScriptDirectory(str(MIGRATIONS))
    return sorted(revision.revision for revision in script.walk_revisions())[:-1]
