import pytest

from index.base.choices import FaceChoice
from index.counting.key_faces import height, prominence, why_left_out
from index.database.queries.faces import FaceRow
from tests.index.builders import face_row

Box = tuple[float, float, float, float]


def tall(number: int, pixels: float, *, image_id: int = 1, probability: float = 0.99) -> FaceRow:
    return face_row(
        number, image_id=image_id, box=(0, 10, 0.8 * pixels, 10 + pixels), probability=probability
    )


def left_out(choice: FaceChoice, *faces: FaceRow) -> dict[int, str]:
    return why_left_out(faces, choice)


def test_height_is_that_of_the_box() -> None:
    assert height(face_row(1, box=(5, 10, 20, 50))) == 40


def test_the_height_of_a_face_that_lies_is_the_width_of_its_box() -> None:
    assert height(face_row(1, box=(5, 10, 95, 70))) == 90


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        pytest.param((270, 190, 370, 290), 10_000, id="in the centre: its area"),
        pytest.param((280, 190, 380, 290), 10_000 - 2 * 100, id="10 px beside it"),
        pytest.param((280, 200, 380, 300), 10_000 - 2 * 200, id="10 px in both directions"),
        pytest.param((0, 0, 100, 100), 10_000 - 2 * (270**2 + 190**2), id="in a corner"),
    ],
)
def test_prominence_is_area_minus_twice_the_squared_distance_to_the_centre(
    box: Box, expected: float
) -> None:
    assert prominence(face_row(1, box=box)) == expected


def test_all_faces_count_when_asked_for_all() -> None:
    assert left_out(FaceChoice.ALL, tall(1, 100), tall(2, 1, probability=0.1)) == {}


def test_no_faces_leave_nobody_out() -> None:
    for choice in FaceChoice:
        assert left_out(choice) == {}


def test_key_faces_are_at_least_half_as_tall_as_the_tallest() -> None:
    faces = [tall(1, 100), tall(2, 50), tall(3, 49.9)]
    assert left_out(FaceChoice.KEY, *faces) == {3: "small"}


def test_key_faces_are_at_least_nine_tenths_probable() -> None:
    faces = [tall(1, 100, probability=0.9), tall(2, 100, probability=0.8999)]
    assert left_out(FaceChoice.KEY, *faces) == {2: "improbable"}


def test_an_improbable_giant_makes_no_real_face_small() -> None:
    faces = [tall(1, 1000, probability=0.7), tall(2, 60), tall(3, 40)]
    assert left_out(FaceChoice.KEY, *faces) == {1: "improbable"}


@pytest.mark.parametrize(
    "box",
    [
        pytest.param((-41, 100, 59, 200), id="left"),
        pytest.param((100, -41, 200, 59), id="top"),
        pytest.param((581, 100, 681, 200), id="right"),
        pytest.param((100, 421, 200, 521), id="bottom"),
        pytest.param((-24, -24, 76, 76), id="corner"),
        pytest.param((-300, 100, -200, 200), id="all of it"),
    ],
)
def test_a_face_that_lies_more_than_two_fifths_outside_its_photo_is_no_key_face(box: Box) -> None:
    cut, whole = face_row(1, box=box), tall(2, 100)
    assert whole.image_size == (640, 480)
    assert left_out(FaceChoice.KEY, cut, whole) == {1: "cut off"}
    assert left_out(FaceChoice.ALL, cut, whole) == {}


def test_a_face_that_is_cut_a_little_is_a_key_face() -> None:
    faces = [face_row(1, box=(-40, 100, 60, 200)), face_row(2, box=(-22, -22, 78, 78))]
    assert left_out(FaceChoice.KEY, *faces) == {}


def test_a_giant_that_is_cut_off_makes_no_whole_face_small() -> None:
    giant = face_row(1, box=(-300, 0, 200, 450))
    assert left_out(FaceChoice.KEY, giant, tall(2, 100)) == {1: "cut off"}


def test_a_face_that_is_cut_off_and_improbable_is_improbable() -> None:
    assert left_out(FaceChoice.KEY, face_row(1, box=(-50, 0, 50, 90), probability=0.8)) == {
        1: "improbable"
    }


def test_a_photo_of_improbable_faces_only_has_no_key_face() -> None:
    faces = [tall(1, 100, probability=0.5), tall(2, 80, probability=0.6)]
    assert left_out(FaceChoice.KEY, *faces) == {1: "improbable", 2: "improbable"}


def test_each_photo_is_judged_by_itself() -> None:
    faces = [tall(1, 400, image_id=1), tall(2, 40, image_id=2), tall(3, 10, image_id=2)]
    assert left_out(FaceChoice.KEY, *faces) == {3: "small"}
    assert left_out(FaceChoice.ONE, *faces) == {3: "not the most prominent face"}


def test_one_keeps_a_central_face_over_a_larger_one_at_the_edge() -> None:
    central = face_row(1, box=(270, 190, 370, 290))
    larger = face_row(2, box=(0, 0, 120, 120))
    assert left_out(FaceChoice.ONE, larger, central) == {2: "not the most prominent face"}


def test_equally_prominent_faces_are_told_apart_by_id_not_by_order() -> None:
    twins = [face_row(2, box=(0, 0, 80, 80)), face_row(1, box=(0, 0, 80, 80))]
    for faces in (twins, twins[::-1]):
        assert left_out(FaceChoice.ONE, *faces) == {2: "not the most prominent face"}
