"""Computes the results of evaluate and calibrate from labelled embeddings. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.base.choices import Linkage
from index.base.progress import Progress
from index.counting.face_set import FaceSet
from index.counting.grouping import above, components, find_links, joining_links
from index.counting.hierarchy import hierarchy
from index.evaluation.measures import (
    CountQuality,
    draw,
    pair_distances,
    quality,
    stranger_pairs,
    true_accept_rates,
)
from index.vectors.match_rates import FALSE_MATCH_RATES, FalseMatchRates
from index.vectors.space import Profile, Space, unmeasured

# the candidates for the best threshold
THRESHOLDS = tuple(round(0.005 * step, 3) for step in range(20, 61))


@dataclass(frozen=True, slots=True)
class SizeResult:
    """The quality of counts for one size of request.

    Attributes:
        persons, photos: the size that was asked for: people, and photos of each.
        drawn_persons, drawn_photos: the size that could be drawn; photos are a mean.
        at_threshold: the quality at the threshold in use.
        best_threshold: the threshold with most exact counts, known only afterwards.
    """

    persons: int
    photos: int
    drawn_persons: int
    drawn_photos: float
    draws: int
    at_threshold: CountQuality
    best_threshold: float
    at_best: CountQuality
    curve: tuple[tuple[float, CountQuality], ...]

    @property
    def is_short(self) -> bool:
        """Whether there were fewer people or photos than asked for."""
        return self.drawn_persons < self.persons or self.drawn_photos < self.photos

    def name(self) -> str:
        """The size that was drawn, for people to read."""
        if not self.is_short:
            return f"{self.persons} x {self.photos}"
        return f"{self.drawn_persons} x {self.drawn_photos:.1f}, for {self.persons} x {self.photos}"


def evaluate_size(
    faces: FaceSet,
    people: Sequence[str],
    space: Space,
    linkage: Linkage,
    threshold: float,
    draws: Sequence[IntVector],
    size: tuple[int, int],
) -> SizeResult:
    """Judge counts of *draws* of *faces* at every threshold."""
    cuts = [space.cut(at) for at in (threshold, *THRESHOLDS)]
    counts = [_counts(faces[rows], linkage, cuts) for rows in draws]
    by_place: list[CountQuality] = []
    for place in range(len(THRESHOLDS) + 1):
        found = iter([row[place] for row in counts])
        by_place.append(quality(lambda _, found=found: next(found), people, draws))  # type: ignore[misc]
    best = max(
        range(len(THRESHOLDS)),
        key=lambda place: (by_place[place + 1].exact, -by_place[place + 1].mean_error),
    )
    drawn = [len({people[row] for row in rows.tolist()}) for rows in draws]  # each time as many
    return SizeResult(
        *size,
        drawn[0],
        round(sum(map(len, draws)) / sum(drawn), 2),
        len(draws),
        by_place[0],
        THRESHOLDS[best],
        by_place[best + 1],
        tuple(zip(THRESHOLDS, by_place[1:], strict=True)),
    )


def _counts(faces: FaceSet, linkage: Linkage, cuts: Sequence[float]) -> list[int]:
    """The number of persons at each of *cuts*."""
    if linkage is Linkage.SUPPORTED:
        count = len(faces)
        all_links = find_links(faces.vectors, min(cuts))  # once; each cut keeps some of them
        kept = [all_links.where(above(faces.vectors, all_links, cut)) for cut in cuts]
        return [
            int(components(joining_links(links, count, linkage), count).max()) + 1 for links in kept
        ]
    tree = hierarchy(faces, linkage)
    return [tree.persons_at(1.0 - cut) for cut in cuts]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that evaluate prints."""

    people: int
    faces: int
    linkage: Linkage
    threshold: float
    operating_distance: float
    false_match_rate: float  # measured here, at the threshold
    false_match_rates: FalseMatchRates  # at many thresholds, with the profile in use
    true_accept_rates: dict[float, float]
    sizes: tuple[SizeResult, ...]

    def to_document(self) -> dict[str, Any]:
        """For --json; without the curves."""
        document = asdict(replace(self, sizes=()))
        document[FALSE_MATCH_RATES] = self.false_match_rates.to_document()
        document["true_accept_rates"] = {
            f"{rate:g}": round(share, 4) for rate, share in self.true_accept_rates.items()
        }
        document["sizes"] = [
            {name: value for name, value in asdict(size).items() if name != "curve"}
            for size in self.sizes
        ]
        return document


def evaluate(
    raw: FloatMatrix,
    people: Sequence[str],
    space: Space,
    linkage: Linkage,
    threshold: float,
    sizes: Sequence[tuple[int, int]],
    draws: int,
    seed: int,
    progress: Progress,
    photos: IntVector,
) -> Evaluation:
    """Judge counts and distances of labelled *raw* embeddings (n, d), found in *photos* (n,)."""
    faces = FaceSet.of_raw(raw, photos, space)
    same, different = pair_distances(faces.vectors, people)
    results = []
    for number, size in enumerate(sizes):
        progress(number, len(sizes))
        drawn = draw(people, *size, draws, seed)
        results.append(evaluate_size(faces, people, space, linkage, threshold, drawn, size))
    progress(len(sizes), len(sizes))
    return Evaluation(
        len(set(people)),
        len(people),
        linkage,
        threshold,
        space.profile.operating_distance,
        float((different < space.distance(threshold)).mean()),
        FalseMatchRates.measure(
            different, len(set(people)), Space.calibrated(space.profile).distance
        ),
        true_accept_rates(same, different),
        tuple(results),
    )


def balanced_centre(raw: FloatMatrix, people: Sequence[str]) -> tuple[float, ...]:
    """The mean of each person's mean, so that each person weighs the same."""
    names = np.array(people)
    means = [raw[names == name].astype(np.float64).mean(axis=0) for name in sorted(set(people))]
    return _rounded(np.mean(means, axis=0))


def _rounded(centre: DoubleVector) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in centre)


def calibrate(
    raw: FloatMatrix, people: Sequence[str], seed: int, before: Profile | None = None
) -> Profile:
    """A profile from labelled *raw* embeddings (n, d) of at least three *people*.

    It measures the centre, the distance, its interval and the rates. Scatter and operating rate
    are the model's own and stay as they were *before*: choosing them takes many draws.
    """
    before = before or unmeasured(raw.shape[1])
    rate = before.operating_rate
    centre = balanced_centre(raw, people)
    strangers = stranger_pairs(raw, people)
    profile = replace(
        before, centre=centre, operating_distance=round(strangers.operating_distance(rate), 4)
    )
    space = Space.calibrated(profile)
    same, different = pair_distances(space.unit(raw), people)
    rates = true_accept_rates(same, different)
    table = FalseMatchRates.measure(strangers.distances, len(set(people)), space.distance)
    measured = {
        "people": len(set(people)),
        "faces": len(people),
        "operating_distance_95": [round(end, 4) for end in strangers.interval(rate, seed)],
        "true_accept_rates": {f"{rate:g}": round(share, 4) for rate, share in rates.items()},
        FALSE_MATCH_RATES: table.to_document(),
    }
    return replace(profile, measured=measured)
