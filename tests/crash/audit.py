"""Compares every row of a library with the folder that the oracle knows."""

from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection

from index.base.choices import DistanceScale
from index.base.database_url import Address
from index.database.engine import Database
from index.database.queries import analyses, embeddings, generations, queue, stored_images
from index.database.queries.faces import faces_of
from index.database.queries.files import FileRow, rows_of
from index.database.queries.generations import GenerationRow
from index.database.states import FileState
from index.upkeep.verify import verify
from index.vectors.space import stored_space
from index.vectors.vector_index import VectorIndex
from tests.crash.launcher import models_of
from tests.crash.oracle import NAMES, Folder

# a file that looks cut off is tried again after some seconds, and then is pending for a moment
UNREAD = (FileState.FAILED, FileState.PENDING)


class Audit:
    """What one comparison finds."""

    def __init__(self, address: Address, folder: Folder) -> None:
        self._address = address
        self._folder = folder
        self.losses = 0  # files without their right row and vectors
        self.duplicates = 0  # rows and faces that no file accounts for
        self.problems: list[str] = []

    def _rows(self, connection: Connection) -> dict[str, FileRow]:
        inbox = self._folder.inbox
        rows = rows_of(connection, [str(inbox / name) for name in NAMES])
        return {str(Path(path).relative_to(inbox)): row for path, row in rows.items()}

    def is_settled(self) -> bool:
        """Whether the rows are of the files as they are now, and none is pending.

        Right after a kill nobody may have noticed the last changes yet.
        """
        with Database(self._address) as database, database.read() as connection:
            rows = self._rows(connection)
        if any(row.state is FileState.PENDING for row in rows.values()):
            return False
        return {name: row.signature for name, row in rows.items()} == self._folder.signatures()

    def compare(self) -> None:
        """Compare all of it, when it is settled."""
        with Database(self._address) as database:
            self.problems += verify(database).problems
            with database.read() as connection:
                self._compare(connection)

    def _compare(self, connection: Connection) -> None:
        active = generations.active(connection)
        assert active is not None
        rows = self._rows(connection)
        self.duplicates += sum(queue.counts(connection).values()) - len(rows)
        faces_of: dict[bytes, int] = {}
        for name in self._folder.names():
            digest, faces = self._folder.content(name)
            if faces is None:
                if rows[name].state not in UNREAD:
                    self._lose(f"{name} is no image, but its row says otherwise: {rows[name]}")
                continue
            faces_of[digest] = len(faces)
            known = stored_images.known_images(connection, active.id, [digest])
            if rows[name].state is not FileState.INDEXED or known.get(digest) is None:
                self._lose(f"{name} is not indexed: {rows[name]}")
            elif known[digest] != rows[name].image_id:
                self._lose(f"{name} has the image of another content")
            else:
                data = (self._folder.inbox / name).read_bytes()
                models = models_of(active.model)
                self._compare_vectors(connection, active.id, known[digest], models, data)
        orphans = connection.exec_driver_sql(
            "SELECT coalesce(sum(face_count), 0) FROM analyses JOIN images ON id = image_id "
            f"WHERE orphaned_at IS NOT NULL AND generation_id = {active.id}"
        ).scalar_one()
        faces_in_use = analyses.totals(connection, active.id)["faces"] - orphans
        self.duplicates += faces_in_use - sum(faces_of.values())
        self._compare_index(connection, active)

    def _compare_vectors(
        self, connection: Connection, generation: int, image: int, models: Any, data: bytes
    ) -> None:
        [expected] = models.analyse([(b"", data)], 50)
        ids = [face.id for face in faces_of(connection, generation, [image])]
        _, raw = embeddings.embeddings_of(connection, generation, ids)
        wanted = [face.embedding.tobytes() for face in expected.faces]
        if [vector.tobytes() for vector in raw] != wanted:
            self._lose(f"image {image} has other vectors than its file")

    def _compare_index(self, connection: Connection, active: GenerationRow) -> None:
        """Open the index as a service does, and compare it with the rows."""
        space = stored_space(active.profile, DistanceScale.CALIBRATED)
        index = VectorIndex(active.id, space)
        index.open(connection)
        ids = [int(number) for number in embeddings.face_ids(connection, active.id)]
        _, raw = embeddings.embeddings_of(connection, active.id, ids)
        if index.rebuilds:
            self.problems.append("a snapshot is damaged, or differs from the rows")
        if ids and not np.array_equal(index.vectors(ids), space.unit(raw)):
            self.problems.append("the index has other vectors than the rows")

    def _lose(self, problem: str) -> None:
        self.losses += 1
        self.problems.append(problem)
