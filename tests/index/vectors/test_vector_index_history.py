"""Any history of commits, snapshots and refreshes ends with an index that equals the rows."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from index.database.queries import stored_images
from index.database.queries.faces import faces_of
from index.vectors import chunks
from index.vectors.snapshot_writer import write_snapshot
from index.vectors.vector_index import VectorIndex
from tests.index.builders import DIM, SPACE, image, open_copy, small_generation


class History(RuleBasedStateMachine):
    """Three indexes follow one database: one always, one now and then, one is opened anew.

    The oracle is a dict: face id -> unit vector.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="history-"))
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(chunks, "CHUNK_FACES", 2)
        self.database = open_copy(self.folder / "a.db")
        self.oracle: dict[int, np.ndarray] = {}
        self.images: dict[int, list[int]] = {}  # image id -> its faces
        self.added = 0

    def teardown(self) -> None:
        self.database.close()
        self.patch.undo()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        self.generation_id = small_generation(self.database).id
        self.eager = VectorIndex(self.generation_id, SPACE)
        self.lazy = VectorIndex(self.generation_id, SPACE)

    @rule(faces=st.integers(0, 6))
    def add(self, faces: int) -> None:
        self.added += 1
        new = image(f"image {self.added}", faces)
        with self.database.write() as connection:
            [image_id] = stored_images.record_images(connection, self.generation_id, [new]).values()
            rows = faces_of(connection, self.generation_id, [image_id])
        self.images[image_id] = [row.id for row in rows]
        for row, face in zip(rows, new.faces, strict=True):
            self.oracle[row.id] = SPACE.unit(face.embedding[None])[0]

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        gone = data.draw(st.sets(st.sampled_from(sorted(self.images)))) if self.images else set()
        with self.database.write() as connection:
            stored_images.drop_analyses(connection, sorted(gone))
        for image_id in gone:
            for face_id in self.images.pop(image_id):
                del self.oracle[face_id]

    @rule()
    def snapshot(self) -> None:
        write_snapshot(self.database, self.generation_id, SPACE, 0.0)

    @rule()
    def refresh_the_lazy_one(self) -> None:
        self.check(self.lazy)

    @invariant()
    def following_gives_the_rows(self) -> None:
        if hasattr(self, "eager"):
            self.check(self.eager)
            assert self.eager.rebuilds == 0

    @invariant()
    def opening_gives_the_rows(self) -> None:
        if hasattr(self, "eager"):
            self.check(VectorIndex(self.generation_id, SPACE), opened=True)

    def check(self, index: VectorIndex, *, opened: bool = False) -> None:
        with self.database.read() as connection:
            (index.open if opened else index.refresh)(connection)
        ids = sorted(self.oracle)
        assert index.ids.tolist() == ids
        expected = np.stack([np.empty(DIM, np.float32), *(self.oracle[i] for i in ids)])[1:]
        np.testing.assert_array_equal(index.vectors(ids), expected)


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # shrinking a failure takes minutes
)
