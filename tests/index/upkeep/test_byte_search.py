"""No byte of a forgotten vector is left: copies, unused pages, pieces anywhere in a file."""

import shutil
from pathlib import Path

import numpy as np
import pysqlite3.dbapi2 as sqlite_driver
import pytest
from numpy.typing import NDArray

from index.base.lock import exclusive
from index.upkeep import byte_search
from tests.index.builders import by_hand, quiet
from tests.index.erasing import Home, parts, pragma

# --- while others are at work --------------------------------------------------------------------


def test_copies_of_the_database_that_hold_the_vectors_are_deleted(home: Home) -> None:
    copy = home.data / "person_count.db.before-0003"
    home.database.checkpoint()
    shutil.copy(home.database.path, copy)
    unrelated = home.data / "person_count.db.before-0001"
    unrelated.write_bytes(b"nothing of it")
    done = home.forget("ann.png")
    assert done.removed == [copy]
    assert home.remains(done.erased) == []
    assert unrelated.exists()
    assert not copy.exists()


def test_a_copy_with_vectors_of_an_older_model_is_deleted_as_well(home: Home) -> None:
    """The library no longer has them, so the copy cannot be told by its vectors."""
    copy = home.data / "person_count.db.before-0004"
    home.database.checkpoint()
    shutil.copy(home.database.path, copy)
    changed = sqlite_driver.connect(copy)
    changed.execute("UPDATE faces SET embedding = randomblob(length(embedding))")
    changed.execute("UPDATE index_chunks SET data = randomblob(length(data))")
    changed.commit()
    changed.execute("VACUUM")
    changed.close()
    assert home.forget("trip/bob.png").removed == [copy]


def test_a_copy_goes_also_when_the_library_has_lost_the_photo(home: Home) -> None:
    copy = home.data / "person_count.db.before-restore"
    home.database.checkpoint()
    shutil.copy(home.database.path, copy)
    by_hand(home.database, "DELETE FROM files")
    by_hand(home.database, "DELETE FROM images")
    assert home.forget("ann.png").removed == [copy]


def test_bytes_that_are_found_elsewhere_are_reported(home: Home) -> None:
    stray = home.data / "notes.bin"
    stray.write_bytes(b"xyz" + home.vectors("ann.png")[0].tobytes())
    done = home.forget("ann.png")
    assert home.remains(done.erased) == [stray]


def test_bytes_left_in_unused_parts_of_the_database_are_rewritten(home: Home) -> None:
    pragma(home.database, "secure_delete=OFF")
    vector = home.vectors("trip/bob.png")[0]
    with exclusive(home.data, "ingest"):  # a fresh snapshot would overwrite the freed pages
        done = home.forget("trip/bob.png")
    assert any(part in home.bytes_of() for part in parts(vector))
    assert home.remains(done.erased) == []
    assert not any(part in home.bytes_of() for part in parts(vector))
    home.check()


def test_nothing_is_left_of_many_erasures_in_any_order(home: Home) -> None:
    rng = np.random.default_rng(3)
    names = [f"many/{number}.png" for number in range(60)]
    for number, name in enumerate(names):
        home.drop(name, 100 + number, seed=number)
    home.index()
    home.snapshot()
    gone: list[NDArray[np.float32]] = []
    for start in range(0, 45, 15):
        some = [str(name) for name in rng.permutation(names)[:15] if name in home.states()]
        gone += [home.vectors(name)[0] for name in some]
        assert home.remains(home.forget(*some).erased) == [], start
    everything = home.bytes_of()
    assert not any(part in everything for vector in gone for part in parts(vector))
    home.check()


# --- pieces --------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0, 1, 2, 3, byte_search.BLOCK_BYTES - 1000])
def test_a_vector_is_found_wherever_it_begins(tmp_path: Path, offset: int) -> None:
    vector = np.random.default_rng(1).normal(size=(1, 512)).astype(np.float32)
    (tmp_path / "file").write_bytes(bytes(offset) + vector.tobytes() + bytes(5))
    wanted = byte_search.pieces(vector)
    assert byte_search.search(byte_search.files_below(tmp_path), wanted, quiet) == {
        tmp_path / "file": wanted
    }


def test_a_vector_cut_in_two_is_found(tmp_path: Path) -> None:
    vector = np.random.default_rng(1).normal(size=(1, 512)).astype(np.float32)
    data = vector.tobytes()
    (tmp_path / "file").write_bytes(data[:1030] + b"\0\0\0\7" + data[1030:])
    assert (
        len(
            byte_search.search(
                byte_search.files_below(tmp_path), byte_search.pieces(vector), quiet
            )[tmp_path / "file"]
        )
        >= 3
    )


def test_other_vectors_are_not_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    (tmp_path / "file").write_bytes(rng.normal(size=(500, 512)).astype(np.float32).tobytes())
    wanted = byte_search.pieces(rng.normal(size=(500, 512)).astype(np.float32))
    assert byte_search.search(byte_search.files_below(tmp_path), wanted, quiet) == {}
    assert byte_search.search(byte_search.files_below(tmp_path), set(), quiet) == {}
