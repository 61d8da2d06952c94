"""A library whose program is killed, started again, and compared with its folder."""

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from index.base.settings import Settings
from index.database.engine import Database
from index.database.migration import migrate
from index.database.queries import analyses, embeddings, generations, stored_images
from index.database.queries.faces import faces_of
from index.database.queries.files import FileRow, rows_of, signatures_below
from index.database.queries.generations import GenerationRow
from index.database.states import FileState
from index.upkeep.verify import verify
from index.vectors.snapshot_writer import pending_changes, write_snapshot
from index.vectors.space import Space, stored_space
from index.vectors.vector_index import VectorIndex
from ingest.jobs.worker import Worker
from ingest.watching.scan import Scanner
from tests import waiting
from tests.crash import forked, launcher
from tests.fakes import save_picture
from tests.index.builders import fake_generation

PATIENCE_SECONDS = 60.0
MODEL = "facenet"  # the settings' default; here only a name


def wait_until(condition: Callable[[], object], what: str) -> None:
    waiting.wait_until(condition, what, PATIENCE_SECONDS, step=0.05)


class Home:
    """A folder with config.yaml, a drop folder and a library of fake models."""

    def __init__(self, folder: Path, **more: object) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.inbox.mkdir(parents=True)
        self.log = folder / "program.log"
        values = {
            "inbox": str(self.inbox),
            "data": str(folder / "data"),
            "settle_seconds": 0.0,
            "batch_wait_seconds": 0.0,
            "snapshot_changes": 1,
            **more,
        }
        (folder / "config.yaml").write_text(
            "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items())
        )
        self.settings = Settings(**values)
        self.people: dict[str, tuple[int, ...] | None] = {}  # on each file; None: it is no image
        self.seed = 0

    # --- the user ---

    def drop(self, name: str, *people: int) -> None:
        self.seed += 1
        save_picture(self.inbox / name, *people, seed=self.seed)
        self.people[name] = people

    def copy(self, name: str, onto: str) -> None:
        shutil.copy(self.inbox / name, self.inbox / onto)
        self.people[onto] = self.people[name]

    def delete(self, name: str) -> None:
        (self.inbox / name).unlink()
        del self.people[name]

    # --- the program ---

    def start(self, *arguments: str) -> BaseProcess:
        return forked.start(self.folder, self.log, *arguments)

    def run(self, *arguments: str) -> int:
        """Run a command to its end. Returns its status, negative when a signal ended it."""
        process = self.start(*arguments)
        process.join(PATIENCE_SECONDS)
        assert process.exitcode is not None, f"{arguments} hangs: {self.said()}"
        status = process.exitcode
        process.close()
        return status

    def watch(self) -> None:
        """Run `watch` until everything is indexed and in a snapshot, then end it with SIGTERM."""
        begun = len(self.said())
        process = self.start("watch")

        def is_done() -> bool:
            return "ingest.started" in self.said()[begun:] and self.is_done()

        try:
            wait_until(lambda: is_done() or not process.is_alive(), "all is indexed")
            assert process.is_alive(), self.said()
        finally:
            if process.is_alive() and process.pid is not None:
                os.kill(process.pid, signal.SIGTERM)
            process.join(PATIENCE_SECONDS)
        assert process.exitcode == 0, self.said()

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    # --- what is there ---

    def database(self) -> Database:
        return Database(self.settings.database_path)

    def prepare(self, names: dict[str, tuple[int, ...]]) -> None:
        """Index *names* in this process, and write a snapshot."""
        migrate(self.settings.database_path)
        for name, people in names.items():
            self.drop(name, *people)
        with self.database() as database:
            with database.write() as connection:
                generation = fake_generation(
                    connection, launcher.models_of(MODEL).encoder.model_id, model=MODEL
                )
            Scanner(database, self.settings.resolve_roots(), 0.0).scan()
            worker = Worker(database, self.settings, generation, launcher.models_of(MODEL))
            while worker.step():
                pass
            write_snapshot(database, generation.id, self.space(generation), 1.0)

    def space(self, generation: GenerationRow) -> Space:
        return stored_space(generation.profile, self.settings.distance)

    def rows(self, database: Database) -> dict[str, FileRow]:
        """The rows of all files below the drop folder, by name."""
        with database.read() as connection:
            paths = list(signatures_below(connection, str(self.inbox)))
            found = rows_of(connection, paths)
        return {os.path.relpath(path, self.inbox): row for path, row in found.items()}

    def active(self, database: Database) -> GenerationRow:
        with database.read() as connection:
            found = generations.active(connection)
        assert found is not None
        return found

    def is_done(self) -> bool:
        """Whether the rows are those of the folder, and a snapshot covers them."""
        with self.database() as database:
            rows = self.rows(database)
            if rows.keys() != self.people.keys():
                return False
            if any(row.state is FileState.PENDING for row in rows.values()):
                return False
            with database.read() as connection:
                orphans = connection.exec_driver_sql(
                    "SELECT count(*) FROM images WHERE orphaned_at IS NOT NULL"
                ).scalar_one()
            return not orphans and not pending_changes(database, self.active(database).id)

    def acknowledged(self) -> dict[str, list[int]]:
        """The face ids of every file that is marked as indexed."""
        with self.database() as database:
            generation = self.active(database)
            found = {}
            with database.read() as connection:
                for name, row in self.rows(database).items():
                    if row.state is FileState.INDEXED and row.image_id is not None:
                        faces = faces_of(connection, generation.id, [row.image_id])
                        found[name] = [face.id for face in faces]
        return found

    def check_sound(self) -> None:
        """Fail unless rows, checksums and snapshots fit together, whatever is still to do."""
        with self.database() as database:
            assert verify(database).problems == []

    def check(self) -> None:
        """Fail unless the library is exactly what the folder is: every file, once, and right."""
        self.check_sound()
        with self.database() as database:
            rows, generation = self.rows(database), self.active(database)
            assert {name: row.state for name, row in rows.items()} == dict.fromkeys(
                self.people, FileState.INDEXED
            )
            contents = {name: (self.inbox / name).read_bytes() for name in rows}
            index = VectorIndex(generation.id, self.space(generation))
            with database.read() as connection:
                index.open(connection)
                for name, data in contents.items():
                    self._check_file(connection, generation, index, rows[name], data)
                    digest = hashlib.sha256(data).digest()
                    known = stored_images.known_images(connection, generation.id, [digest])
                    assert known == {digest: rows[name].image_id}, name
                totals = analyses.totals(connection, generation.id)
                images = connection.exec_driver_sql("SELECT count(*) FROM images").scalar_one()
        distinct = {
            hashlib.sha256(data).digest(): self.people[name] for name, data in contents.items()
        }
        assert index.rebuilds == 0
        assert totals["images"] == images == len(distinct)
        assert totals["faces"] == len(index) == sum(map(len, distinct.values()))

    def _check_file(
        self,
        connection: Connection,
        generation: GenerationRow,
        index: VectorIndex,
        row: FileRow,
        data: bytes,
    ) -> None:
        """Compare rows and index with what the models say of the file's bytes now."""
        models = launcher.models_of(generation.model)
        assert generation.model_id == models.encoder.model_id
        [expected] = models.analyse([(b"", data)], 50)
        assert not isinstance(expected, Exception)
        assert row.image_id is not None
        faces = faces_of(connection, generation.id, [row.image_id])
        ids = [face.id for face in faces]
        _, raw = embeddings.embeddings_of(connection, generation.id, ids)
        assert [face.box for face in faces] == [face.box for face in expected.faces]
        if ids:
            assert np.array_equal(raw, [face.embedding for face in expected.faces])
            assert np.array_equal(index.vectors(ids), self.space(generation).unit(raw))
