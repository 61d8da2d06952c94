"""Which way up a face lies, told by its eyes and mouth alone."""

import math

import numpy as np
import pytest

from index.base.turns import quarter_turns

UPRIGHT = np.array([(-20, -20), (20, -20), (0, 0), (-15, 20), (15, 20)], np.float32)


def leaning(degrees: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A face leant anticlockwise, as numpy.rot90 turns, in pixels whose y goes down."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    return (UPRIGHT @ np.array([(cosine, -sine), (sine, cosine)]) + 100).astype(np.float32)


@pytest.mark.parametrize("lean", [-44, -20, 0, 20, 44])
@pytest.mark.parametrize("given", [0, 1, 2, 3])
def test_the_turn_makes_good_what_the_photo_was_given(given: int, lean: int) -> None:
    assert quarter_turns(leaning(90 * given + lean)[None]).tolist() == [-given % 4]


def test_many_faces_are_told_at_once_and_none_are_no_failure() -> None:
    faces = np.stack([leaning(degrees) for degrees in (0, 90, 180, 270)])
    assert quarter_turns(faces).tolist() == [0, 3, 2, 1]
    assert quarter_turns(np.empty((0, 5, 2), np.float32)).tolist() == []


def test_landmarks_in_one_place_tell_nothing_so_the_face_is_left_as_it_is() -> None:
    assert quarter_turns(np.zeros((1, 5, 2), np.float32)).tolist() == [0]
