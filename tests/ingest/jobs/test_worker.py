"""What becomes of files that come, change, move and go."""

import os

import numpy as np
import pytest

from index.database.states import FileState
from tests.fakes import expected_vector, picture
from tests.ingest.builders import Ingest

pytestmark = pytest.mark.engines


def test_a_new_file_ends_with_its_faces_vectors_and_changes(ingest: Ingest) -> None:
    ingest.drop("a.png", 1, 2)
    assert ingest.index() == 1
    row = ingest.row("a.png")
    assert (row.state, row.error) == (FileState.INDEXED, None)
    expected = np.concatenate([expected_vector(1), expected_vector(2)])
    np.testing.assert_array_equal(ingest.vectors("a.png"), expected)
    assert ingest.changes() == [(1, True), (2, True)]
    assert ingest.orphans() == set()
    ingest.check()


def test_a_file_without_a_face_is_indexed_with_none(ingest: Ingest) -> None:
    ingest.drop("wall.png")
    ingest.index()
    assert ingest.states() == {"wall.png": "indexed"}
    assert len(ingest.vectors("wall.png")) == 0
    assert ingest.changes() == []
    ingest.check()


def test_nothing_is_read_again_that_has_not_changed(ingest: Ingest) -> None:
    ingest.drop("a.png", 1)
    ingest.index()
    assert ingest.index() == 0
    assert ingest.images_seen == 1


def test_an_overwritten_file_has_the_new_faces_and_the_old_ones_go(ingest: Ingest) -> None:
    ingest.drop("a.png", 1)
    ingest.index()
    old = ingest.row("a.png").image_id
    ingest.drop("a.png", 2, 3)
    ingest.index()
    assert ingest.row("a.png").image_id != old
    assert ingest.orphans() == {old}
    assert ingest.persons("a.png") == 2
    assert ingest.drop_orphans() == 1
    assert ingest.changes() == [(1, True), (2, True), (3, True), (1, False)]
    ingest.check()


def test_a_file_rewritten_in_place_with_the_same_size_is_read_again(ingest: Ingest) -> None:
    path = ingest.inbox / "a.bmp"
    picture(1).save(path)
    ingest.index()
    before = ingest.row("a.bmp")
    with path.open("r+b") as stream:
        picture(2).save(stream, format="BMP")
    ingest.index()
    after = ingest.row("a.bmp")
    assert after.signature.size == before.signature.size
    np.testing.assert_array_equal(ingest.vectors("a.bmp"), expected_vector(2))


def test_a_file_touched_but_not_changed_keeps_its_image(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.index()
    before = ingest.row("a.png")
    os.utime(path, ns=(1, 1))
    assert ingest.index() == 1
    after = ingest.row("a.png")
    assert after.image_id == before.image_id
    assert after.signature != before.signature
    assert ingest.images_seen == 1
    ingest.check()


@pytest.mark.parametrize("target", ["b.png", "deep/er/a.png", "张三.png"])
def test_a_renamed_or_moved_file_keeps_its_image_and_is_not_embedded_again(
    ingest: Ingest, target: str
) -> None:
    path = ingest.drop("a.png", 1)
    ingest.index()
    image = ingest.row("a.png").image_id
    (ingest.inbox / target).parent.mkdir(parents=True, exist_ok=True)
    path.rename(ingest.inbox / target)
    ingest.index()
    assert ingest.states() == {target: "indexed"}
    assert ingest.row(target).image_id == image
    assert ingest.images_seen == 1
    assert ingest.drop_orphans() == 0
    assert ingest.changes() == [(1, True)]
    ingest.check()


def test_a_copied_file_shares_the_image_and_adds_no_phantom_person(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    ingest.index()
    (ingest.inbox / "copy.png").write_bytes(path.read_bytes())
    os.link(path, ingest.inbox / "link.png")
    ingest.index()
    assert {row.image_id for row in ingest.rows().values()} == {ingest.row("a.png").image_id}
    assert ingest.images_seen == 1
    assert ingest.persons("a.png", "copy.png", "link.png") == 1
    path.unlink()
    ingest.index()
    assert ingest.orphans() == set()
    ingest.check()


def test_a_deleted_file_takes_its_faces_with_it(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1, 2)
    ingest.drop("b.png", 3)
    ingest.index()
    image = ingest.row("a.png").image_id
    path.unlink()
    ingest.index()
    assert ingest.states() == {"b.png": "indexed"}
    assert ingest.orphans() == {image}
    ingest.drop_orphans()
    assert ingest.changes()[3:] == [(1, False), (2, False)]
    ingest.check()


def test_a_file_that_comes_back_before_its_faces_went_is_not_embedded_again(
    ingest: Ingest,
) -> None:
    path = ingest.drop("a.png", 1)
    content = path.read_bytes()
    ingest.index()
    path.unlink()
    ingest.index()
    assert len(ingest.orphans()) == 1
    path.write_bytes(content)
    ingest.index()
    assert ingest.orphans() == set()
    assert ingest.images_seen == 1
    ingest.check()


def test_a_file_that_comes_back_later_is_embedded_under_new_ids(ingest: Ingest) -> None:
    path = ingest.drop("a.png", 1)
    content = path.read_bytes()
    ingest.index()
    path.unlink()
    ingest.index()
    ingest.drop_orphans()
    path.write_bytes(content)
    ingest.index()
    assert ingest.images_seen == 2
    assert ingest.changes() == [(1, True), (1, False), (2, True)]
    ingest.check()


def test_two_files_that_swap_their_names_swap_their_images(ingest: Ingest) -> None:
    one, two = ingest.drop("a.png", 1), ingest.drop("b.png", 2)
    ingest.index()
    before = ingest.row("a.png").image_id, ingest.row("b.png").image_id
    one.rename(ingest.inbox / "c.png")
    two.rename(one)
    (ingest.inbox / "c.png").rename(two)
    ingest.index()
    assert (ingest.row("b.png").image_id, ingest.row("a.png").image_id) == before
    assert ingest.images_seen == 2
    ingest.check()


def test_the_same_content_many_times_in_a_batch_is_embedded_once(ingest: Ingest) -> None:
    content = ingest.drop("0.png", 1, 2).read_bytes()
    for number in range(1, 30):
        (ingest.inbox / f"{number}.png").write_bytes(content)
    ingest.index()
    assert ingest.images_seen == 1
    assert len(ingest.changes()) == 2
    assert set(ingest.states().values()) == {"indexed"}
    ingest.check()
