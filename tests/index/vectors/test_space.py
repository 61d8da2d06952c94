import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from index.base.choices import DistanceScale
from index.base.errors import ConfigError
from index.vectors.space import (
    UNBOUNDED,
    Profile,
    Scatter,
    Space,
    shipped_profile,
    usable,
)
from tests.spaces import DIM, UNMEASURED

VERSION_WITHOUT_WEIGHTS = "e2223d2848a9"  # of profiles made before there were weights
SMALL = Profile((1.0, 0.0, -2.0), 0.6, {"on": "three people"})
cosine = st.floats(0, 2, allow_subnormal=False)  # distances


def test_unit_vectors_are_centred_and_of_length_one() -> None:
    raw = np.array([[4, 4, -2], [1, 0, 5]], np.float32)
    unit = Space.calibrated(SMALL).unit(raw)
    np.testing.assert_array_equal(unit, np.array([[0.6, 0.8, 0], [0, 0, 1]], np.float32))
    assert unit.dtype == np.float32
    assert unit.flags.c_contiguous
    np.testing.assert_array_equal(raw, [[4, 4, -2], [1, 0, 5]])


def test_no_embeddings_make_no_vectors() -> None:
    assert Space.calibrated(SMALL).unit(np.empty((0, 3), np.float32)).shape == (0, 3)


@given(
    hnp.arrays(np.float32, (7, 3), elements=st.floats(-1e4, 1e4, width=32)),
    st.integers(1, 7),
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_vectors_have_length_one_however_long_the_embeddings_are(
    raw: NDArray[np.float32], rows: int
) -> None:
    far = raw[np.linalg.norm(raw.astype(np.float64) - SMALL.centre, axis=1) > 1e-3][:rows]
    lengths = np.linalg.norm(Space.calibrated(SMALL).unit(far).astype(np.float64), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_a_vector_never_depends_on_its_batch() -> None:
    rng = np.random.default_rng(3)
    space = Space.calibrated(Profile(tuple(rng.normal(size=DIM)), 0.5))
    raw = rng.normal(size=(97, DIM)).astype(np.float32)
    whole = space.unit(raw)
    for size in (1, 2, 7, 8, 9, 31, 32, 33):
        parts = [space.unit(raw[start : start + size]) for start in range(0, len(raw), size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
    order = rng.permutation(len(raw))
    assert space.unit(raw[order]).tobytes() == np.ascontiguousarray(whole[order]).tobytes()
    assert space.unit(raw[::3]).tobytes() == np.ascontiguousarray(whole[::3]).tobytes()
    assert space.unit(np.asfortranarray(raw)).tobytes() == whole.tobytes()


def test_the_default_threshold_is_the_operating_point_of_any_model() -> None:
    for operating in (0.1, 0.4, 0.51):
        space = Space.calibrated(Profile((0.0,), operating))
        assert space.distance(0.2) == pytest.approx(operating)
        assert space.cut(0.2) == pytest.approx(1 - operating)
    assert Space.calibrated(SMALL).distance(0.1) == pytest.approx(0.3)


def test_the_cosine_scale_takes_thresholds_literally() -> None:
    space = Space(SMALL, DistanceScale.COSINE)
    assert (space.distance(0.2), space.threshold(0.7), space.cut(0.25)) == (0.2, 0.7, 0.75)


@given(cosine, cosine, st.floats(0.01, 1.99), st.sampled_from(DistanceScale))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_thresholds_and_distances_are_each_others_inverse_and_keep_order(
    one: float, other: float, operating: float, scale: DistanceScale
) -> None:
    space = Space(Profile((0.0,), operating), scale)
    threshold = space.threshold(one)
    assert space.distance(threshold) == pytest.approx(one)
    assert space.threshold(space.distance(threshold)) == pytest.approx(threshold)
    assert space.cut(threshold) == 1 - space.distance(threshold)
    if one < other:
        assert threshold <= space.threshold(other)
        assert space.distance(threshold) <= space.distance(space.threshold(other))
    assert space.distance(0) == 0


@pytest.mark.parametrize("threshold", [4.0, 1e39, 1e300])
def test_huge_thresholds_link_everything(threshold: float) -> None:
    for scale in DistanceScale:
        assert Space(SMALL, scale).cut(threshold) < -1


def test_vectors_can_be_compared_only_under_one_centre() -> None:
    same = Space(Profile(SMALL.centre, 0.1), DistanceScale.COSINE)
    moved = Space.calibrated(Profile((1.0, 0.0, -2.0000001), 0.6))
    assert Space.calibrated(SMALL).space_id == same.space_id != moved.space_id
    assert len(same.space_id) == 64
    assert Space.calibrated(SMALL).dim == 3


def test_a_profile_survives_being_written_and_read() -> None:
    assert Profile.from_json(SMALL.to_json()) == SMALL
    rng = np.random.default_rng(1)
    exact = Profile(tuple(rng.normal(size=20).tolist()), 1 / 3)
    assert Profile.from_json(exact.to_json()) == exact
    assert Profile.from_json('{"centre": [1, 2], "operating_distance": 1}').measured == {}


@pytest.mark.parametrize("said", ["", ', "scatter": {"rho": 0.42, "stray": 0.09}'])
def test_an_older_profile_counts_as_it_did(said: str) -> None:
    profile = Profile.from_json('{"centre": [1, 2], "operating_distance": 0.59' + said + "}")
    assert profile.scatter == Scatter(0.42, 0.09, stray_ratio=UNBOUNDED)
    assert profile.scatter.norm is None


def test_the_length_of_a_usual_embedding_survives_being_written_and_read() -> None:
    weighed = replace(SMALL, scatter=Scatter(0.6, 0.3, 10.0, norm=71.7))
    assert Profile.from_json(weighed.to_json()) == weighed
    assert shipped_profile("mobilefacenet", 192).scatter.norm is not None
    assert shipped_profile("facenet", DIM).scatter.norm is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        '"centre"',
        "{}",
        '{"centre": [1]}',
        '{"operating_distance": 0.4}',
        '{"centre": 1, "operating_distance": 0.4}',
        '{"centre": ["x"], "operating_distance": 0.4}',
        '{"centre": [1], "operating_distance": "wide"}',
        '{"centre": [1], "operating_distance": 0.4, "measured": 3}',
        '{"centre": [1], "operating_distance": 0}',
        '{"centre": [1], "operating_distance": 2}',
        '{"centre": [1], "operating_distance": -0.4}',
        '{"centre": [1], "operating_distance": NaN}',
        '{"centre": [1], "operating_distance": Infinity}',
        '{"centre": [1], "operating_distance": 1, "scatter": {"rho": 1, "stray": 0}}',
        '{"centre": [1], "operating_distance": 1, "scatter": {"rho": 0.5}}',
        (
            '{"centre": [1], "operating_distance": 1, '
            '"scatter": {"rho": 0.5, "stray": 0.1, "stray_ratio": 0.5}}'
        ),
        (
            '{"centre": [1], "operating_distance": 1, '
            '"scatter": {"rho": 0.5, "stray": 0.1, "norm": 0}}'
        ),
        (
            '{"centre": [1], "operating_distance": 1, '
            '"scatter": {"rho": 0.5, "stray": 0.1, "norm": NaN}}'
        ),
        '{"centre": [1], "operating_distance": 1, "scatter": {"rho": null, "stray": 0.1}}',
        pytest.param('{"centre": [NaN], "operating_distance": 0.4}', id="centre is not a number"),
        pytest.param('{"centre": [1e999], "operating_distance": 0.4}', id="centre is infinite"),
        pytest.param('{"centre": [], "operating_distance": 0.4}', id="centre is empty"),
        pytest.param('{"centre": "12", "operating_distance": 0.4}', id="centre is text"),
        pytest.param(
            '{"centre": [1], "operating_distance": 1' + "0" * 400 + "}", id="beyond any float"
        ),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"profile|distance") as caught:
        Profile.from_json(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("model", "dim"), [("facenet", DIM), ("mobilefacenet", 192)])
def test_models_come_with_a_measured_profile(model: str, dim: int) -> None:
    profile = shipped_profile(model, dim)
    assert len(profile.centre) == dim
    assert np.linalg.norm(profile.centre) > 0.1
    assert 0.3 < profile.operating_distance < 0.7
    assert profile.measured
    assert Profile.from_json(profile.to_json()) == profile


@pytest.mark.parametrize(
    "model", ["facenet-vggface2", "unheard-of", "/some/path.pt", "../space", ""]
)
def test_other_models_are_marked_as_not_measured(model: str) -> None:
    assert shipped_profile(model, DIM) == UNMEASURED
    assert "not measured" in json.dumps(UNMEASURED.measured)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([1.0, 2.0], True),
        ([1e-3, 0.0], True),
        ([0.0, 0.0], False),
        ([1e-7, 0.0], False),
        ([math.nan, 1.0], False),
        ([math.inf, 1.0], False),
        ([3e38, 3e38], True),
    ],
)
def test_embeddings_without_a_direction_are_never_stored(
    numbers: list[float], expected: bool
) -> None:
    assert usable(np.array(numbers, np.float32)) is expected


def test_a_profile_names_the_numbers_that_counts_depend_on() -> None:
    profile = Profile((1.0, 2.0), 0.4)
    assert profile.version == VERSION_WITHOUT_WEIGHTS
    assert re.fullmatch("[0-9a-f]{12}", profile.version)
    assert replace(profile, measured={"people": 3}).version == profile.version
    for other in (
        replace(profile, centre=(1.0, 2.1)),
        replace(profile, operating_distance=0.41),
        replace(profile, scatter=replace(profile.scatter, rho=0.5)),
        replace(profile, scatter=replace(profile.scatter, norm=70.0)),
    ):
        assert other.version != profile.version


def test_a_profile_leads_back_to_the_last_five() -> None:
    profile = Profile((0.0,), 0.1)
    for number in range(2, 9):
        profile = Profile((0.0,), number / 10).after(profile)
    stored = Profile.from_json(profile.to_json())
    found = []
    while stored is not None:
        found.append(stored.operating_distance)
        stored = stored.undone()
    assert found == [0.8, 0.7, 0.6, 0.5, 0.4, 0.3]


def test_what_a_profile_replaces_must_be_one() -> None:
    text = Profile((0.0,), 0.1).to_json().replace('"replaces": null', '"replaces": [1]')
    with pytest.raises(ConfigError, match="what it replaces is no profile"):
        Profile.from_json(text)
