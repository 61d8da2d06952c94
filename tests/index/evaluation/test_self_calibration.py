from dataclasses import replace

import numpy as np
import pytest

from index.evaluation import self_calibration
from index.evaluation.counted_people import CountedPeople
from index.evaluation.evaluation import calibrate
from index.evaluation.library_fit import library_fit
from index.evaluation.measures import pair_distances
from index.evaluation.self_calibration import UntrustedError, self_calibrate
from index.vectors.match_rates import FalseMatchRates
from index.vectors.space import Profile, Space, unmeasured
from tests.index.evaluation.places import DIM, faces, shipped

PLACE = 6.0


def of_place(people: int = 40, shift: float = PLACE) -> tuple[np.ndarray, list[str]]:
    return faces(people, 6, 7, shift)


def strangers_accepted(profile: Profile) -> float:
    raw, people = of_place()
    _, different = pair_distances(Space.calibrated(profile).unit(raw), people)
    return float((different < profile.operating_distance).mean())


def test_photos_of_one_place_get_their_own_profile_without_labels() -> None:
    raw, people = of_place()
    found = self_calibrate(raw, np.arange(len(raw)), shipped())
    assert (found.people, found.has_changed) == (40, True)
    assert strangers_accepted(shipped()) > 0.05
    assert strangers_accepted(found.profile) < 0.003
    labelled = calibrate(raw, people, 0, shipped())
    assert found.profile.operating_distance == pytest.approx(labelled.operating_distance, abs=0.03)
    low, high = found.profile.measured["operating_distance_95"]
    assert low < labelled.operating_distance < high
    assert np.linalg.norm(np.subtract(found.profile.centre, labelled.centre)) < 1.0
    assert found.profile.scatter.stray == shipped().scatter.stray


def test_the_profile_counts_what_it_was_made_of() -> None:
    """A fixed point: counting once more with the result changes nothing."""
    raw, _ = of_place()
    photos = np.arange(len(raw))
    found = self_calibrate(raw, photos, shipped())
    assert CountedPeople.count(raw, photos, found.profile).number == found.people
    assert found.rounds[-1] == found.rounds[-2] == found.people


def test_other_people_in_many_places_keep_the_shipped_profile() -> None:
    raw, _ = of_place(shift=0.0)
    found = self_calibrate(raw, np.arange(len(raw)), shipped())
    assert found.profile is shipped()
    assert not found.has_changed


def test_its_false_match_rates_say_at_02_what_02_stands_for() -> None:
    raw, _ = of_place()
    found = self_calibrate(raw, np.arange(len(raw)), shipped())
    table = FalseMatchRates.of(found.profile.measured)
    assert table is not None
    assert table.at(0.2) == pytest.approx(shipped().operating_rate, rel=0.1)
    assert len(table.thresholds) > 10


def refusal(raw: np.ndarray, profile: Profile | None = None) -> str:
    with pytest.raises(UntrustedError) as refused:
        self_calibrate(raw.astype(np.float32), np.arange(len(raw)), profile or shipped())
    return str(refused.value)


def test_one_person_and_a_handful_are_refused() -> None:
    assert "those of 1 person, too few" in refusal(faces(1, 120, 3)[0])
    assert "those of 9 people, too few" in refusal(faces(9, 20, 3)[0])


def relatives(families: int, members: int) -> tuple[np.ndarray, list[str]]:
    """Ten photos of each; relatives have a fifth of what differs between strangers in common."""
    raw, people = faces(families * members, 10, 5)
    shared = np.repeat(faces(families, 1, 6, spread=0.0)[0] - 3, 10 * members, axis=0)
    return 3 + 0.8**0.5 * (raw - 3) + 0.2**0.5 * shared, people


def test_two_families_are_refused_if_few_and_calibrated_if_many() -> None:
    assert "those of 10 people, too few" in refusal(relatives(2, 5)[0])
    family, people = relatives(2, 15)
    raw, photos = family.astype(np.float32), np.arange(len(family))
    fit = library_fit(raw, photos, shipped())
    assert fit is not None
    assert fit.is_doubtful
    found = self_calibrate(raw, photos, shipped())
    assert (found.people, found.has_changed) == (30, True)
    rates = []
    for profile in (shipped(), found.profile):
        _, different = pair_distances(Space.calibrated(profile).unit(raw), people)
        rates.append(float((different < profile.operating_distance).mean()))
    assert rates[0] > 0.02
    assert rates[1] < 0.003


@pytest.mark.parametrize("shift", [0.0, PLACE])
def test_photos_that_were_saved_twice_mislead_nobody(shift: float) -> None:
    raw, _ = faces(40, 7, 7, shift)
    chance = np.random.default_rng(0)
    copies = raw[chance.integers(len(raw), size=120)]  # 30 % of 400
    copies = copies + 0.02 * chance.normal(size=copies.shape)
    both = np.concatenate([raw, copies]).astype(np.float32)
    found = self_calibrate(both, np.arange(len(both)), shipped())
    assert (found.people, found.has_changed) == (40, bool(shift))


def test_persons_whose_photos_are_not_alike_are_refused() -> None:
    """Blurred beyond recognition: counting gives persons of chance."""
    raw = 3 + np.random.default_rng(0).normal(size=(120, DIM))
    chance = CountedPeople(raw, np.arange(120) // 4, raw.reshape(30, 4, DIM).mean(axis=1))
    with pytest.raises(UntrustedError, match="too poor to calibrate on"):
        self_calibration._refuse_unlike(chance, shipped(), shipped())


def test_a_model_that_was_never_measured_is_refused() -> None:
    assert "never measured" in refusal(of_place()[0], unmeasured(DIM))


def test_two_starts_that_disagree_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_calibration, "CLOSE", -1.0)
    assert "depends on where one starts" in refusal(of_place()[0])


def test_rounds_that_never_agree_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_calibration, "MOST_ROUNDS", 1)
    assert "never agreed" in refusal(of_place()[0])


def test_too_wide_an_interval_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_calibration, "WIDEST", 0.01)
    assert "could be anything from" in refusal(of_place()[0])


def test_where_strangers_are_more_alike_rho_falls() -> None:
    line = replace(shipped(), operating_distance=0.5)
    rho = self_calibration._rho
    here = self_calibration.Line
    assert rho(here(0.0, 1.0), line) == line.scatter.rho
    assert rho(here(0.0, 1.2), line) == pytest.approx(line.scatter.rho / 1.2**1.5, abs=1e-3)
    assert rho(here(0.9, 1.0), line) == 0.3
