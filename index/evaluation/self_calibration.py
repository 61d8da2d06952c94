"""Calibration on faces without labels: a profile of the library's own people. Pure.

The count says who is who, the people that it finds give a profile, that profile counts anew, and so
on until the count stays the same. index.evaluation.counted_people has the formulas. Each number of
the result lies between the shipped profile's and the library's own, at the weight of the departure:
where the library's centre is no farther off than other people's would be, all stays as it was.

RHO follows the operating similarity s: RHO = shipped RHO × (shipped s / s)^1.5, within RHO_RANGE.
Where strangers are more alike, a likeness is worth less, and groups of photos must be allowed to
count for more. The exponent was chosen on development sets. Choosing RHO by counts of the counted
people themselves confirms whatever RHO they were counted with; docs/accuracy.md has the figures.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from index.base.arrays import FloatMatrix, IntVector
from index.base.errors import ConfigError
from index.base.plurals import counted
from index.base.progress import Progress
from index.evaluation.counted_people import (
    CountedPeople,
    Line,
    Pairs,
    is_measured,
    rate_at,
)
from index.vectors.match_rates import FALSE_MATCH_RATES, GRID, FalseMatchRates
from index.vectors.space import Profile, Space

MOST_FACES = 5_000  # of a library; counting the people in them takes a second and 100 MiB
MIN_PEOPLE = 20  # a centre of fewer is their own
MOST_ROUNDS = 20
STEADY_ROUNDS = 4  # after them only half of each step is taken, which ends most circles
STRICTER = 0.85  # of the operating distance: where the second start counts more people
CLOSE = 0.02  # cosine distance by which the results of both starts may differ
PAIR_FACES = 2_000  # 2 million pairs, 0.2 GB
DRAWN_FACES = 1_000
DRAWS = 200
RHO_EXPONENT = 1.5
RHO_RANGE = (0.3, 0.7)
WIDEST = 0.15  # cosine distance: an interval that is wider says too little


class UntrustedError(ConfigError):
    """These faces give no profile that can be trusted."""


@dataclass(frozen=True, slots=True)
class SelfCalibration:
    """The result.

    Attributes:
        profile: for these faces; the shipped one itself if they do not differ from its people.
        people: how many persons were counted in the end.
        rounds: how many in each round.
    """

    profile: Profile
    people: int
    rounds: tuple[int, ...]

    @property
    def has_changed(self) -> bool:
        """Whether anything differs from the shipped profile."""
        return "library_faces" in self.profile.measured


def self_calibrate(
    raw: FloatMatrix,
    photos: IntVector,
    shipped: Profile,
    progress: Progress = lambda _done, _of: None,
) -> SelfCalibration:
    """The profile of the people in *raw* embeddings (n, d) of faces in *photos* (n,).

    Raises:
        UntrustedError: with the reason.
    """
    if not is_measured(shipped):
        raise UntrustedError("the model's own profile was never measured; it takes labelled photos")
    profile, people, rounds = _fixed_point(raw, photos, shipped, shipped, progress)
    stricter = replace(shipped, operating_distance=shipped.operating_distance * STRICTER)
    other, _, _ = _fixed_point(raw, photos, stricter, shipped, progress)
    _refuse_unlike(people, profile, other)
    weight = people.departure(shipped).weight
    if not weight:
        return SelfCalibration(shipped, people.number, rounds)
    pairs = people.strangers(PAIR_FACES)
    measured = {
        "library_faces": len(raw),
        "people": people.number,
        "weight_of_the_library": round(weight, 2),
        "operating_distance_95": _interval(people, shipped, progress),
        "note": "estimated without labels",
        FALSE_MATCH_RATES: _rates(pairs, people.number, shipped, profile, weight).to_document(),
    }
    return SelfCalibration(replace(profile, measured=measured), people.number, rounds)


def _fixed_point(
    raw: FloatMatrix, photos: IntVector, start: Profile, shipped: Profile, progress: Progress
) -> tuple[Profile, CountedPeople, tuple[int, ...]]:
    """Count with a profile, make a profile of the count, until the count stays the same."""
    profile, before, numbers = start, None, []
    for number in range(MOST_ROUNDS):
        progress(number, MOST_ROUNDS)
        people = CountedPeople.count(raw, photos, profile)
        numbers.append(people.number)
        if people.number < MIN_PEOPLE:
            raise UntrustedError(
                f"these faces look like those of {counted(people.number, 'person', 'people')}, "
                f"too few for a centre: it takes {MIN_PEOPLE}"
            )
        if before is not None and np.array_equal(people.person_of, before):
            progress(MOST_ROUNDS, MOST_ROUNDS)
            return profile, people, tuple(numbers)
        found = _profile_of(people, shipped)
        profile = found if number < STEADY_ROUNDS else _halfway(profile, found)
        before = people.person_of
    raise UntrustedError(
        f"counting and calibrating never agreed: {', '.join(map(str, numbers[-4:]))} people in the "
        "last rounds"
    )


def _profile_of(people: CountedPeople, shipped: Profile) -> Profile:
    departure = people.departure(shipped)
    line = people.strangers(PAIR_FACES).line(shipped).part(departure.weight)
    centre = np.array(shipped.centre)
    centre += departure.weight * (people.means.mean(axis=0) - centre)
    return replace(
        shipped,
        centre=tuple(round(float(value), 6) for value in centre),
        operating_distance=_operating_distance(line, shipped),
        scatter=replace(shipped.scatter, rho=_rho(line, shipped)),
    )


def _operating_distance(line: Line, shipped: Profile) -> float:
    similarity = line.here(1 - shipped.operating_distance)
    return round(min(max(1 - similarity, 0.05), 1.5), 4)


def _rho(line: Line, shipped: Profile) -> float:
    there = 1 - shipped.operating_distance
    low, high = RHO_RANGE
    share = max(there, 0.01) / max(line.here(there), 0.01)
    rho: float = shipped.scatter.rho * share**RHO_EXPONENT
    return round(min(max(rho, low), high), 3)


def _halfway(one: Profile, other: Profile) -> Profile:
    centre = (np.array(one.centre) + np.array(other.centre)) / 2
    return replace(
        other,
        centre=tuple(round(float(value), 6) for value in centre),
        operating_distance=round((one.operating_distance + other.operating_distance) / 2, 4),
        scatter=replace(other.scatter, rho=round((one.scatter.rho + other.scatter.rho) / 2, 3)),
    )


def _refuse_unlike(people: CountedPeople, profile: Profile, other: Profile) -> None:
    """Raise UntrustedError if another start leads elsewhere, or nobody is like himself."""
    first, second = profile.operating_distance, other.operating_distance
    if abs(first - second) > CLOSE:
        raise UntrustedError(
            f"it depends on where one starts: an operating distance of {first:.2f} or {second:.2f}"
        )
    likeness = people.likeness(profile, DRAWN_FACES)
    if likeness is None or likeness < 1 - first:
        raise UntrustedError(
            "most photos of one person are less alike than strangers may be at 0.2; "
            "the faces are too poor to calibrate on"
        )


def _interval(people: CountedPeople, shipped: Profile, progress: Progress) -> list[float]:
    """The 95 % interval of the operating distance: a bootstrap that draws people, not pairs.

    Raises:
        UntrustedError: it is too wide.
    """
    chance = np.random.default_rng(0)
    pairs = people.strangers(DRAWN_FACES)
    found = []
    for number in range(DRAWS):
        progress(number, DRAWS)
        drawn = np.bincount(chance.integers(people.number, size=people.number))
        drawn = np.pad(drawn, (0, people.number - len(drawn)))
        line = pairs.line(shipped, drawn).part(people.departure(shipped, drawn).weight)
        found.append(_operating_distance(line, shipped))
    progress(DRAWS, DRAWS)
    low, high = (round(float(end), 4) for end in np.quantile(found, (0.025, 0.975)))
    if high - low > WIDEST:
        raise UntrustedError(
            f"too few people: the operating distance could be anything from {low:.2f} to {high:.2f}"
        )
    return [low, high]


def _rates(
    pairs: Pairs, people: int, shipped: Profile, profile: Profile, weight: float
) -> FalseMatchRates:
    """The shipped false match rates, moved along the line; where the shipped ones end, these do."""
    line, space = pairs.line(shipped).part(weight), Space.calibrated(profile)
    there = [line.there(1 - space.distance(threshold)) for threshold in GRID]
    table = FalseMatchRates.of(shipped.measured)
    number = min(len(pairs.similarities), table.pairs) if table else len(pairs.similarities)
    least = 1 - Space.calibrated(shipped).distance(GRID[-1])
    known = [place for place, similarity in enumerate(there) if similarity >= least]
    matches = tuple(math.ceil(rate_at(shipped, there[place]) * number) for place in known)
    return FalseMatchRates(people, number, tuple(GRID[place] for place in known), matches)
