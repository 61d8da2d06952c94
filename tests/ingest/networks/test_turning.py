"""Faces in turned photos: back to the photo's own pixels, and which of several finds stay."""

import numpy as np
import pytest

from ingest.interfaces import Box, DetectedFace
from ingest.networks.turning import LIKELY, SURE, TURNS, best_of, turned_back

UPRIGHT = ((30.0, 40.0), (70.0, 40.0), (50.0, 60.0), (35.0, 80.0), (65.0, 80.0))
SIZE = (600, 400)


def face(box: Box = (20, 10, 80, 90), probability: float = 1.0, turn: int = 0) -> DetectedFace:
    """A face in a photo of SIZE, found after *turn*, where it was upright."""
    found = DetectedFace(box, probability, UPRIGHT)
    return turned_back(found, turn, SIZE) if turn else found


@pytest.mark.parametrize("turn", TURNS)
def test_a_face_comes_back_to_where_it_is_in_the_photo(turn: int) -> None:
    photo = np.zeros((400, 600), np.uint8)
    photo[50:120, 200:300] = 1
    photo[60, 210] = 2
    turned = np.rot90(photo, turn)
    rows, columns = np.nonzero(turned)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    ((row, column),) = np.argwhere(turned == 2)
    eye = (column + 0.5, row + 0.5)  # the middle of a pixel
    found = turned_back(DetectedFace(box, 0.9, (eye,) * 5), turn, SIZE)
    assert found == DetectedFace((200, 50, 300, 120), 0.9, ((210.5, 60.5),) * 5)


def test_a_photo_that_stands_keeps_all_that_was_found_in_it() -> None:
    standing = [face(), face((200, 10, 260, 90), 0.7)]
    assert best_of({0: standing}) == standing
    assert best_of({0: standing, 1: [face((300, 300, 380, 380), 0.99, 1)]}) == standing


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_photo_keeps_what_its_own_turn_shows_and_no_phantom(turn: int) -> None:
    lying = [face(turn=turn), face((200, 10, 260, 90), 0.8, turn)]
    phantoms = {0: [face((400, 300, 460, 380), 0.97)], turn % 3 + 1: [face(probability=0.97)]}
    assert best_of({**phantoms, turn: lying}) == lying


def test_somebody_who_lies_beside_people_who_stand_is_found_when_sure() -> None:
    standing = face((100, 250, 160, 330))
    assert best_of({0: [standing], 1: [face(turn=1)]}) == [standing, face(turn=1)]
    unsure = face(probability=SURE - 0.001, turn=1)
    assert best_of({0: [standing], 1: [unsure]}) == [standing]


def test_somebody_who_stands_beside_people_who_lie_is_found_when_likely() -> None:
    standing, lying = face((100, 250, 160, 330), LIKELY), face(turn=1)
    assert best_of({0: [standing], 1: [lying]}) == [lying, standing]


def test_of_two_finds_in_one_place_the_more_probable_one_stays() -> None:
    standing = face((100, 250, 160, 330))
    lying = face(turn=1)
    phantom = DetectedFace(lying.box, 0.95, UPRIGHT)
    assert best_of({0: [standing, phantom], 1: [lying]}) == [standing, lying]
    sure = DetectedFace(lying.box, 1.0, UPRIGHT)
    weaker = face(probability=SURE, turn=1)
    assert best_of({0: [standing, sure], 1: [weaker]}) == [standing, sure]


def test_a_find_that_its_turn_does_not_bring_upright_is_none() -> None:
    hallucinated = DetectedFace((20, 10, 80, 90), 1.0, UPRIGHT)  # upright as the photo stands
    assert best_of({0: [], 2: [hallucinated]}) == []


def test_a_photo_without_a_likely_face_stays_as_it_is() -> None:
    pattern = face(probability=0.93)
    assert best_of({0: [pattern], 3: [face((9, 9, 99, 99), LIKELY - 0.001, 3)]}) == [pattern]
    assert best_of({0: [], 1: [], 2: [], 3: []}) == []
