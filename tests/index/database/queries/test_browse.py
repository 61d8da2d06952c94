"""What people look at: only faces of the active generation, only names below the roots."""

import numpy as np
import pytest

from index.database.engine import Database
from index.database.queries import browse, stored_images
from index.database.queries.browse import Filter
from index.database.states import GenerationState
from tests.index.builders import ask, by_hand, image, index_file, small_generation

pytestmark = pytest.mark.engines

ROOTS = ("/in", "/other")


def test_only_faces_of_the_active_generation_have_a_place(database: Database) -> None:
    active = small_generation(database)
    building = small_generation(database, GenerationState.BUILDING)
    image_id = index_file(database, active.id, "/in/a.jpg", image("a"))
    with database.write() as connection:
        found = stored_images.record_images(connection, building.id, [image("a")])
        assert list(found.values()) == [image_id]
    (first,), (second,) = ask(database, "SELECT id FROM faces ORDER BY id")
    assert isinstance(first, int)
    assert isinstance(second, int)
    with database.read() as connection:
        place = browse.face_place(connection, first)
        assert place is not None
        assert (place.image_id, place.sha256) == (image_id, image("a").sha256)
        assert (place.box, place.size, place.turn) == ((0, 0, 60, 80), (640, 480), 0)
        assert browse.face_place(connection, second) is None
        assert browse.face_place(connection, 10**18 - 1) is None


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_face_says_which_turn_brings_it_upright(database: Database, turn: int) -> None:
    generation = small_generation(database)
    index_file(database, generation.id, "/in/a.jpg", image("a"))
    eyes, mouth = {
        0: ((50, 40), (50, 80)),
        1: ((80, 50), (40, 50)),
        2: ((50, 80), (50, 40)),
        3: ((40, 50), (80, 50)),
    }[turn]
    landmarks = np.array([eyes, eyes, (50, 50), mouth, mouth], "<f4").tobytes()
    by_hand(database, "UPDATE faces SET landmarks = :landmarks", landmarks=landmarks)
    ((face,),) = ask(database, "SELECT id FROM faces")
    assert isinstance(face, int)
    with database.read() as connection:
        place = browse.face_place(connection, face)
    assert place is not None
    assert place.turn == turn


def test_a_root_is_a_folder_and_no_beginning_of_a_name(database: Database) -> None:
    active = small_generation(database)
    for name in ("/in/a.jpg", "/inner/b.jpg", "/other/c.jpg", "/in.jpg", "/IN/d.jpg"):
        index_file(database, active.id, name, image(name))
    with database.read() as connection:
        listed = browse.list_files(connection, Filter(ROOTS), 10)
        whole = browse.list_files(connection, Filter(("/",)), 10)
    assert [file.name for file in listed] == ["/other/c.jpg", "a.jpg"]
    assert [file.name for file in whole][-1] == "in/a.jpg"
    assert len(whole) == 5
