"""What it takes for a photo to be gone: rows, index, snapshots, and for good."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from index.base.errors import ConfigError
from index.base.lock import exclusive
from index.base.paths import Roots
from index.database.queries import embeddings, judgements, people, stored_images
from index.database.queries.files import files_of
from index.database.queries.judgements import NewJudgement
from index.database.queries.people import PeopleRow
from index.database.states import Verdict
from index.library.judgements import record
from index.upkeep import forget
from index.upkeep.erasure_log import FORGOTTEN
from index.upkeep.verify import verify
from index.vectors.vector_index import VectorIndex
from tests.index.builders import ask, by_hand, quiet
from tests.index.erasing import SPACE, Home, parts

pytestmark = pytest.mark.engines


@pytest.mark.engines("sqlite")  # it looks at the bytes of the file
def test_a_forgotten_photo_leaves_no_row_and_no_byte(home: Home) -> None:
    vector = home.vectors("ann.png")[0]
    assert any(part in home.bytes_of() for part in parts(vector)[:4])
    assert any(part in home.bytes_of() for part in parts(vector)[4:])
    done = home.forget("ann.png")
    assert (len(done.plan.rows), done.erased.images, done.erased.faces) == (1, 1, 1)
    assert not done.snapshot_left
    assert home.remains(done.erased) == []
    assert not any(part in home.bytes_of() for part in parts(vector))
    assert set(home.states()) == {"trip/pair.png", "trip/bob.png"}
    assert (home.inbox / "ann.png").exists()
    assert ask(home.database, "SELECT count(*) FROM snapshots") == [(1,)]
    home.check()


def test_everything_below_a_folder_goes_whatever_its_state(home: Home) -> None:
    home.drop("trip/waiting.png", 5)
    (home.inbox / "trip" / "bad.jpg").write_text("no image")
    home.scanner.scan()
    done = home.forget("trip")
    assert (len(done.plan.rows), done.erased.images, done.erased.faces) == (4, 2, 3)
    assert set(home.states()) == {"ann.png"}
    home.index()
    assert {
        name: home.reason(name) for name in home.states() if name != "ann.png"
    } == dict.fromkeys(
        ("trip/pair.png", "trip/bob.png", "trip/waiting.png", "trip/bad.jpg"), FORGOTTEN
    )


def test_a_running_index_sees_the_face_go(home: Home) -> None:
    index = VectorIndex(home.generation.id, SPACE)
    with home.database.read() as connection:
        index.open(connection)
    assert len(index) == 4
    home.forget("trip/pair.png")
    with home.database.read() as connection:
        index.refresh(connection)
        assert index.ids.tolist() == embeddings.face_ids(connection, home.generation.id).tolist()
    assert (len(index), index.rebuilds) == (2, 0)


def test_an_index_opened_before_the_next_snapshot_is_whole(home: Home) -> None:
    with exclusive(home.data, "ingest"):
        assert home.forget("ann.png").snapshot_left
    assert verify(home.database).problems == []
    index = VectorIndex(home.generation.id, SPACE)
    with home.database.read() as connection:
        index.open(connection)
    assert (len(index), index.rebuilds) == (3, 0)


def test_a_forgotten_photo_is_never_indexed_again_nor_under_another_name(home: Home) -> None:
    home.forget("ann.png")
    seen = home.images_seen
    shutil.copy(home.inbox / "ann.png", home.inbox / "copy.png")
    (home.inbox / "ann.png").rename(home.inbox / "other.png")
    home.index()
    assert home.images_seen == seen
    assert home.reason("copy.png") == home.reason("other.png") == FORGOTTEN
    home.check()


def test_a_photo_that_was_never_indexed_can_be_forgotten_beforehand(home: Home) -> None:
    home.drop("new.png", 9)
    done = home.forget("new.png")
    assert (done.plan.rows, done.erased.images, len(done.plan.contents)) == ([], 0, 1)
    home.index()
    assert home.reason("new.png") == FORGOTTEN


def test_a_photo_that_is_gone_from_the_disk_can_be_forgotten(home: Home) -> None:
    content = (home.inbox / "ann.png").read_bytes()
    (home.inbox / "ann.png").unlink()
    assert home.forget("ann.png").erased.faces == 1
    (home.inbox / "again.png").write_bytes(content)
    home.index()
    assert home.reason("again.png") == FORGOTTEN


def test_a_photo_that_was_overwritten_is_forgotten_in_both_versions(home: Home) -> None:
    old = (home.inbox / "ann.png").read_bytes()
    home.drop("ann.png", 8)
    done = home.forget("ann.png")
    assert len(done.plan.contents) == 2
    (home.inbox / "old.png").write_bytes(old)
    home.index()
    assert home.reason("ann.png") == home.reason("old.png") == FORGOTTEN


def test_other_files_with_the_same_photo_are_forgotten_and_named(home: Home) -> None:
    shutil.copy(home.inbox / "ann.png", home.inbox / "trip" / "twin.png")
    home.index()
    done = home.forget("ann.png")
    assert done.others == [str(home.inbox / "trip" / "twin.png")]
    assert "trip/twin.png" not in home.states()


def test_faces_that_another_photo_has_by_rights_do_not_spoil_the_proof(home: Home) -> None:
    home.drop("ann-again.png", 1, seed=77)  # the same face, other bytes
    home.index()
    done = home.forget("ann.png")
    assert home.remains(done.erased) == []
    assert home.states()["ann-again.png"] == "indexed"


def test_allowing_it_again_takes_the_suppression_back(home: Home) -> None:
    home.forget("ann.png", "trip")
    home.index()
    assert home.allow("ann.png") == 1
    home.clock.advance(60)
    home.drain()
    assert home.states()["ann.png"] == "indexed"
    assert home.reason("trip/bob.png") == FORGOTTEN
    assert home.allow("ann.png") == 0
    home.forget("ann.png")
    home.index()
    assert home.reason("ann.png") == FORGOTTEN
    home.check()


def test_all_generations_lose_the_faces(home: Home) -> None:
    by_hand(
        home.database,
        "INSERT INTO generations (model_id, model, profile, state, created_at) "
        "SELECT 'fake-2', model, profile, 'building', 0 FROM generations",
    )
    by_hand(
        home.database,
        "INSERT INTO faces (image_id, generation_id, x1, y1, x2, y2, probability, landmarks, "
        "sharpness, dim, embedding, crc32, embedding_norm) SELECT image_id, 2, x1, y1, x2, y2, "
        "probability, landmarks, sharpness, dim, embedding, crc32, embedding_norm FROM faces",
    )
    assert home.forget("ann.png").erased.faces == 2
    gone = ask(home.database, "SELECT generation_id FROM changelog WHERE NOT added ORDER BY 1")
    assert (2,) in gone


def test_paths_outside_or_unknown_are_refused_and_change_nothing(
    home: Home, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"x")
    with pytest.raises(ConfigError, match="outside the drop folder"):
        home.forget(str(outside))
    with pytest.raises(ConfigError, match=r"there is no .*nowhere\.png"):
        home.forget("ann.png", "nowhere.png")
    assert len(home.states()) == 3
    assert not (home.data / "erasures.log").exists()


def test_what_is_left_of_a_root_that_was_taken_out_can_be_forgotten(
    home: Home, tmp_path: Path
) -> None:
    roots = Roots([tmp_path / "new"])
    (home.inbox / "unknown.png").write_bytes(b"x")
    done = forget.forget(home.database, home.data, roots, [home.inbox / "trip"], quiet)
    assert done.erased.images == 2
    assert [Path(path).name for path in done.plan.on_disk] == ["bob.png", "pair.png"]
    done = forget.forget(home.database, home.data, roots, [home.inbox], quiet)
    assert done.plan.on_disk == [str(home.inbox / "ann.png")]  # and no file that is not known
    assert home.states() == {}
    home.check()


def test_a_folder_that_a_root_lies_in_is_outside_the_roots(home: Home, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="outside the drop folder"):
        home.forget(str(tmp_path))
    assert len(home.states()) == 3


def test_what_people_said_about_a_forgotten_photo_goes_with_it(home: Home) -> None:
    with home.database.write() as connection:
        known = judgements.faces_by_id(connection, [1, 2, 3, 4])
        ids = {face.sha256: number for number, face in known.items()}
        assert len(ids) == 3
        one, other, third = (known[number] for number in ids.values())
        same = [
            NewJudgement(Verdict.SAME, (one, other), "a note to forget"),
            NewJudgement(Verdict.NOT_A_PERSON, (third,)),
        ]
        record(connection, same, 1.0, "ann")
    with home.database.read() as connection:
        [image] = [
            n
            for n, sha in stored_images.digests_of(connection, [1, 2, 3]).items()
            if sha == one.sha256
        ]
        [row] = files_of(connection, image)
    done = home.forget(str(Path(row.path).relative_to(home.inbox)))
    assert done.erased.judgements == 1
    assert b"a note to forget" not in home.bytes_of()
    assert one.sha256 not in home.bytes_of()
    with home.database.read() as connection:
        assert [row.faces for row in judgements.all_rows(connection)] == [(third,)]


def test_who_belongs_together_in_the_library_is_forgotten_too(home: Home) -> None:
    some = np.arange(2)
    with home.database.write() as connection:
        people.store(connection, PeopleRow("[1]", 1, 1.0, 2, some, some, some))
    home.forget("ann.png")
    with home.database.read() as connection:
        assert people.read(connection) is None
