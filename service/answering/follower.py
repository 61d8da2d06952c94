"""Follows the database's commits: keeps the index up to date and wakes waiting requests."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from http import HTTPStatus

import numpy as np
from sqlalchemy import Connection

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.base.choices import DistanceScale
from index.base.errors import (
    ConfigError,
    IndexOutOfDateError,
    RequestError,
    StoreError,
    StoreUnavailableError,
)
from index.base.outage import Outage
from index.database.engine import Database
from index.database.queries import changelog, embeddings, generations
from index.database.queries.embeddings import StoredVectors
from index.database.queries.generations import GenerationRow
from index.vectors.space import Space, stored_space
from index.vectors.vector_index import VectorIndex
from index.vectors.vector_rows import VectorRows, is_larger, most_faces

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
OUTAGE_SECONDS = 1.0  # between two tries while the disk fails
SERVER_MEMORY_MIB = 2048  # of a library on a server, which may have any size: a million faces

Vectors = VectorIndex | VectorRows


class Follower:
    """Keeps the index of the active generation up to date. A thread; close() joins it.

    Of a library that is too large for an index in memory it keeps the vectors that were used last.

    Attributes:
        ready: whether questions can be answered.
        commits: how often it has seen that others committed; only equality means anything.
    """

    def __init__(
        self, database: Database, scale: DistanceScale, memory_mib: int | None = None
    ) -> None:
        """Follow *database*; see the setting vector_memory_mib."""
        self._database = database
        if memory_mib is None and database.is_shared:
            memory_mib = SERVER_MEMORY_MIB
        self._memory_mib = memory_mib
        self.scale = scale
        self._loop: asyncio.AbstractEventLoop | None = None
        self._committed = asyncio.Event()
        self._stop = threading.Event()
        self._opening = threading.Lock()
        self._index: tuple[GenerationRow, Vectors] | None = None
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._outage = Outage("follower")
        self.ready = False
        self.commits = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin following; requests wait on *loop*."""
        self._loop = loop
        self._thread.start()

    def close(self) -> None:
        """Stop following; harmless when called again."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    async def next_commit(self, seconds: float) -> None:
        """Return at the next commit of any connection, or after *seconds*."""
        try:
            await asyncio.wait_for(self._committed.wait(), seconds)
        except TimeoutError:
            return

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._follow()
                except StoreUnavailableError as error:
                    self.ready = False
                    self._outage.begin(error)
                    self._stop.wait(OUTAGE_SECONDS)
        except Exception:
            log.exception("follower.ended")
            self.ready = False

    def _follow(self) -> None:
        with self._database.watch_commits() as counter:
            seen = -1
            while not self._stop.is_set():
                now = counter.value()
                if now != seen:
                    seen = now
                    self._update()
                    self.commits += 1
                    self._outage.end()
                    self._wake()
                self._stop.wait(POLL_SECONDS)

    def _update(self) -> None:
        try:
            with self._database.read() as connection:
                generation = generations.active(connection)
                if generation is not None:
                    self._current(connection, generation).refresh(connection)
                    self._let_go_if_outgrown(connection, generation)
            self.ready = True
        except StoreUnavailableError:
            raise
        except (StoreError, ConfigError) as error:
            self.ready = False
            log.error("follower.index_unusable reason=%s", error)  # noqa: TRY400 - no traceback

    def _wake(self) -> None:
        def wake() -> None:
            # wakes all requests that wait now; later ones wait for the next commit
            self._committed.set()
            self._committed = asyncio.Event()

        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(wake)

    def _current(self, connection: Connection, generation: GenerationRow) -> Vectors:
        """The vectors of *generation* in its present profile, opened if need be."""
        with self._opening:
            if self._index is None or self._index[0] != generation:
                space = stored_space(generation.profile, self.scale)
                same = self._same(generation.id, space)
                if same is None:  # an empty one is false
                    same = self._opened(connection, generation, space)
                self._index = generation, same
            return self._index[1]

    def _same(self, generation_id: int, space: Space) -> Vectors | None:
        """What is open, if only who chose the profile has changed."""
        if self._index is None or self._index[0].id != generation_id:
            return None
        return self._index[1] if self._index[1].space == space else None

    def _opened(self, connection: Connection, generation: GenerationRow, space: Space) -> Vectors:
        most = self._most(space)
        if most is not None and is_larger(connection, generation.id, most):
            rows = VectorRows(generation.id, space, most)
            rows.open(connection)
            log.info("follower.keeps_some generation=%d faces=%d", generation.id, most)
            return rows
        index = VectorIndex(generation.id, space)
        index.open(connection)
        log.info("follower.opened generation=%d faces=%d", generation.id, len(index))
        return index

    def _most(self, space: Space) -> int | None:
        """How many vectors may be in memory; None: all."""
        return None if self._memory_mib is None else most_faces(space, self._memory_mib)

    def _let_go_if_outgrown(self, connection: Connection, generation: GenerationRow) -> None:
        """Keep only some vectors from now on, once the library has grown too large."""
        index = self._current(connection, generation)
        most = self._most(index.space)
        if most is None or isinstance(index, VectorRows) or len(index) <= most:
            return
        rows = VectorRows(generation.id, index.space, most)
        rows.open(connection)
        with self._opening:
            self._index = generation, rows
        log.info("follower.keeps_some generation=%d faces=%d", generation.id, most)

    @property
    def keeps_some(self) -> bool:
        """Whether it keeps only some vectors, and reads the others by row."""
        return self._index is not None and isinstance(self._index[1], VectorRows)

    def vectors(
        self,
        connection: Connection,
        generation: GenerationRow,
        ids: Sequence[int],
        stored: StoredVectors | None = None,
    ) -> tuple[Space, FloatMatrix]:
        """The space of *generation* and the unit vectors of its faces *ids*, (n, d).

        Args:
            connection: the one that read *ids*, so that both see the same commits.
            ids: ascending.
            stored: vectors that *connection* has read in this transaction, of any faces.

        Raises:
            StoreError: the rows are damaged.
        """
        index = self._current(connection, generation)
        if isinstance(index, VectorRows):
            return index.space, index.vectors(connection, ids, stored)
        try:
            return index.space, index.vectors(ids)
        except IndexOutOfDateError:
            index.refresh(connection)
        try:
            return index.space, index.vectors(ids)
        except IndexOutOfDateError:
            # the rows are the truth; this connection may see faces that were removed since
            log.info("follower.rows_used generation=%d", generation.id)
        found, raw = embeddings.embeddings_of(connection, generation.id, ids)
        if len(found) != len(ids):
            raise StoreError("faces disappeared while they were being read")
        return index.space, index.space.unit(raw)

    def near(
        self, connection: Connection, generation: GenerationRow, face_id: int, threshold: float
    ) -> tuple[Space, IntVector, DoubleVector]:
        """The faces of *generation* that are nearer to one of them than *threshold*; see vectors().

        Returns: their space, ids and cosine distances, nearest first, without the face itself.

        Raises:
            RequestError: 503, the library is larger than its vectors may be in memory.
        """
        index = self._current(connection, generation)
        if isinstance(index, VectorRows):
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the library is too large to be searched here: its vectors take more memory than "
                f"the setting vector_memory_mib allows, {self._memory_mib} MiB",
            )
        space, vector = self.vectors(connection, generation, [face_id])
        cut = max(space.cut(threshold), -2.0)
        ids, similarity = index.near(vector, cut)
        others = ids != face_id
        return space, ids[others], np.maximum(1.0 - similarity[others], 0.0)

    def lag(self, connection: Connection, generation: GenerationRow | None) -> int:
        """The number of changes of *generation* that *connection* sees but the index lacks."""
        if generation is None:
            return 0
        index = self._index
        is_its = index is not None and index[0].id == generation.id
        applied = index[1].applied_seq if index is not None and is_its else 0
        return changelog.count_changes(connection, generation.id, applied)

    def status(self) -> dict[str, int | bool]:
        """For /status: the vectors in memory, whether these are all, and rebuilds of the index."""
        if self._index is None:
            return {"ready": self.ready, "faces": 0, "whole": True, "rebuilds": 0}
        index = self._index[1]
        whole = isinstance(index, VectorIndex)
        rebuilds = index.rebuilds if isinstance(index, VectorIndex) else 0
        return {"ready": self.ready, "faces": len(index), "whole": whole, "rebuilds": rebuilds}
