import hashlib

import faiss
import numpy as np
import pytest

from index.base.errors import SnapshotDamagedError
from index.vectors.chunks import Chunk, replay
from tests.index.builders import DIM

pytestmark = pytest.mark.usefixtures("small_chunks")
NO_IDS = np.empty(0, np.int64)
NO_VECTORS = np.empty((0, DIM), np.float32)


def rows(*ids: int) -> tuple[np.ndarray, np.ndarray]:
    """Ascending ids, and a vector for each that follows from its id."""
    wanted = np.array(ids, np.int64)
    return wanted, np.stack([np.random.default_rng(i).normal(size=DIM) for i in ids]).astype("f4")


def chunk_of(*ids: int) -> Chunk:
    return Chunk.of(*rows(*ids))


class TestChunk:
    def test_survives_being_written_and_read(self) -> None:
        data = chunk_of(3, 5, 8).to_bytes()
        back = Chunk.from_bytes(data, hashlib.sha256(data).digest(), 3, DIM)
        assert back.ids.tolist() == [3, 5, 8]
        np.testing.assert_array_equal(back.vectors, rows(3, 5, 8)[1])
        np.testing.assert_array_equal(back.pick(np.array([3, 8])), rows(3, 8)[1])

    def test_may_be_empty(self) -> None:
        data = Chunk.of(NO_IDS, NO_VECTORS).to_bytes()
        back = Chunk.from_bytes(data, hashlib.sha256(data).digest(), 0, DIM)
        assert (len(back.ids), back.vectors.shape) == (0, (0, DIM))

    def test_any_changed_byte_is_noticed(self) -> None:
        data = chunk_of(3, 5).to_bytes()
        for at in range(len(data)):
            damaged = bytearray(data)
            damaged[at] ^= 0x10
            with pytest.raises(SnapshotDamagedError, match="checksum"):
                Chunk.from_bytes(bytes(damaged), hashlib.sha256(data).digest(), 2, DIM)

    def test_any_cut_is_refused_even_under_a_matching_checksum(self) -> None:
        data = chunk_of(3, 5).to_bytes()
        for size in range(len(data)):
            cut = data[:size]
            with pytest.raises(SnapshotDamagedError):
                Chunk.from_bytes(cut, hashlib.sha256(cut).digest(), 2, DIM)

    @pytest.mark.parametrize(("face_count", "dim"), [(1, DIM), (3, DIM), (2, DIM + 1)])
    def test_another_size_than_was_stored_is_refused(self, face_count: int, dim: int) -> None:
        data = chunk_of(3, 5).to_bytes()
        with pytest.raises(SnapshotDamagedError, match="something else"):
            Chunk.from_bytes(data, hashlib.sha256(data).digest(), face_count, dim)

    def test_another_kind_of_index_is_refused(self) -> None:
        flat = faiss.IndexFlatIP(DIM)
        flat.add(rows(1, 2)[1])
        data = faiss.serialize_index(flat).tobytes()
        with pytest.raises(SnapshotDamagedError, match="something else"):
            Chunk.from_bytes(data, hashlib.sha256(data).digest(), 2, DIM)


class TestReplay:
    def test_fills_the_last_chunk_and_opens_new_ones(self) -> None:
        chunks = [chunk_of(1, 2, 3, 4), chunk_of(5, 6)]
        touched = replay(chunks, *rows(*range(7, 18)), NO_IDS)
        expected = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16], [17]]
        assert [chunk.ids.tolist() for chunk in chunks] == expected
        assert touched == {1, 2, 3, 4}
        for chunk in chunks:
            np.testing.assert_array_equal(chunk.vectors, rows(*chunk.ids.tolist())[1])

    def test_removes_across_chunks_and_leaves_the_others_alone(self) -> None:
        first, second, third = chunk_of(1, 2, 3, 4), chunk_of(5, 6, 7, 8), chunk_of(9, 10)
        chunks = [first, second, third]
        assert replay(chunks, NO_IDS, NO_VECTORS, np.array([4, 9, 10, 99])) == {0, 2}
        assert [chunk.ids.tolist() for chunk in chunks] == [[1, 2, 3], [5, 6, 7, 8], []]
        assert chunks[1] is second
        np.testing.assert_array_equal(chunks[0].vectors, rows(1, 2, 3)[1])

    def test_faces_that_are_there_already_are_skipped(self) -> None:
        chunks = [chunk_of(1, 2, 3)]
        assert replay(chunks, *rows(2, 3), NO_IDS) == set()
        assert replay(chunks, *rows(3, 4), NO_IDS) == {0}
        assert chunks[0].ids.tolist() == [1, 2, 3, 4]

    def test_starts_from_nothing(self) -> None:
        chunks: list[Chunk] = []
        assert replay(chunks, *rows(1, 2, 3, 4, 5), NO_IDS) == {0, 1}
        assert [chunk.ids.tolist() for chunk in chunks] == [[1, 2, 3, 4], [5]]


def test_what_is_near_is_strictly_above_the_cut() -> None:
    angles = np.radians([0, 30, 60, 60, 90])
    vectors = np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)
    chunk = Chunk.of(np.array([2, 3, 5, 8, 9]), vectors)
    exact = float(vectors[2].astype(np.float64) @ vectors[0].astype(np.float64))
    ids, similarity = chunk.near(vectors[:1].copy(), exact)
    assert sorted(ids.tolist()) == [2, 3]
    assert similarity.max() == pytest.approx(1.0)
    assert sorted(chunk.near(vectors[:1].copy(), exact - 1e-9)[0].tolist()) == [2, 3, 5, 8]
    assert chunk.near(vectors[:1].copy(), 1.5)[0].tolist() == []
