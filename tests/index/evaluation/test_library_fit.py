import numpy as np
import pytest

from index.evaluation.evaluation import calibrate
from index.evaluation.library_fit import library_fit
from index.vectors.space import unmeasured
from tests.index.evaluation.places import DIM, faces, shipped


def test_photos_of_one_place_are_noticed_without_labels() -> None:
    raw, people = faces(40, 6, 7, 6.0)
    fit = library_fit(raw, np.arange(len(raw)), shipped())
    assert fit is not None
    assert fit.is_doubtful
    assert (fit.faces, fit.people, fit.promised) == (240, 40, 1e-3)
    assert fit.departure > 2
    assert fit.strangers_accepted > 0.03
    own = library_fit(raw, np.arange(len(raw)), calibrate(raw, people, 0, shipped()))
    assert own is not None
    assert not own.is_doubtful


@pytest.mark.parametrize(("people", "photos", "seed"), [(25, 4, 11), (40, 6, 12), (100, 3, 13)])
def test_other_people_in_many_places_raise_no_alarm(people: int, photos: int, seed: int) -> None:
    raw, _ = faces(people, photos, seed)
    fit = library_fit(raw, np.arange(len(raw)), shipped())
    assert fit is not None
    assert not fit.is_doubtful


def test_where_too_little_is_known_nothing_is_said() -> None:
    few, _ = faces(24, 4, 3)
    family, _ = faces(5, 40, 3)
    many, _ = faces(40, 6, 3)
    for raw, profile in ((few, shipped()), (family, shipped()), (many, unmeasured(DIM))):
        assert library_fit(raw, np.arange(len(raw)), profile) is None
