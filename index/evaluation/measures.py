"""Measures of how good counts are, on labelled faces: draws, exact counts, error rates. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.base.choices import Split
from index.base.errors import ConfigError
from index.vectors.match_rates import FEWEST
from index.vectors.space import Profile, VectorSpace

SIZES = ((2, 5), (5, 4), (10, 5), (20, 5), (50, 10))  # persons, photos of each
RATES = (1e-2, 1e-3, 1e-4)
OPERATING_RATE = 1e-3


@dataclass(frozen=True, slots=True)
class CountQuality:
    """The quality of counts over many draws, compared with the truth.

    Attributes:
        exact: share of draws counted exactly, 0 to 1.
        mean_error: mean of |counted − true|, in persons.
        bias: mean of counted − true; positive if counts are too high.
    """

    exact: float
    mean_error: float
    bias: float


@dataclass(frozen=True, slots=True)
class LabelledFaces:
    """Labelled faces, one row each.

    Attributes:
        raw: (n, d) float32 embeddings.
        people: (n,) the name of each face's folder.
        photos: (n,) a number for the photo of each face.
        faceless: photos in which no face was found.
        unreadable: photos that could not be read.
        ambiguous: photos in the folders of several people, which are left out.
    """

    raw: FloatMatrix
    people: list[str]
    photos: IntVector
    model_id: str
    profile: Profile
    faceless: int
    unreadable: int
    ambiguous: int = 0


def halves(people: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    """Two halves A and B of the *people*, the same for the same names and *seed*."""
    order = np.random.default_rng(seed).permutation(sorted(set(people)))
    middle = len(order) // 2
    return sorted(order[:middle].tolist()), sorted(order[middle:].tolist())


def of_half(faces: LabelledFaces, split: Split, seed: int) -> LabelledFaces:
    """The labelled *faces* of the people of a half."""
    if split is Split.ALL:
        return faces
    first, second = halves(faces.people, seed)
    wanted = set(first if split is Split.A else second)
    if len(wanted) < 2:  # noqa: PLR2004 - one person has no strangers
        raise ConfigError(f"half {split} holds {len(wanted)}; it needs at least two people")
    rows = [row for row, name in enumerate(faces.people) if name in wanted]
    return replace(
        faces,
        raw=faces.raw[rows],
        people=[faces.people[row] for row in rows],
        photos=faces.photos[rows],
    )


def draw(
    people: Sequence[str], persons: int, photos: int, draws: int, seed: int
) -> list[IntVector]:
    """Draw *persons* people with *photos* photos each, again and again, as row numbers of *people*.

    People with fewer photos give all they have. If there are fewer people, all are drawn.
    """
    rng = np.random.default_rng([seed, persons, photos])
    rows = {name: np.flatnonzero(np.array(people) == name) for name in sorted(set(people))}
    names = sorted(rows)
    found = []
    for _ in range(draws):
        chosen = rng.choice(len(names), min(persons, len(names)), replace=False)
        parts = [
            rng.choice(rows[names[one]], min(photos, len(rows[names[one]])), replace=False)
            for one in chosen
        ]
        found.append(np.concatenate(parts))
    return found


def quality(
    count: Callable[[IntVector], int], people: Sequence[str], draws: Sequence[IntVector]
) -> CountQuality:
    """Judge the function *count*, which gets the rows of each draw."""
    names = np.array(people)
    errors = np.array([count(rows) - len(set(names[rows].tolist())) for rows in draws])
    return CountQuality(
        float((errors == 0).mean()), float(np.abs(errors).mean()), float(errors.mean())
    )


def pair_distances(
    vectors: FloatMatrix, people: Sequence[str]
) -> tuple[DoubleVector, DoubleVector]:
    """Cosine distances of all pairs of unit *vectors* (n, d): same person, different people."""
    first, second = np.triu_indices(len(vectors), 1)
    distances = 1.0 - (vectors @ vectors.T)[first, second].astype(np.float64)
    names = np.array(people)
    same = names[first] == names[second]
    return distances[same], distances[~same]


def operating_distance(different: NDArray[np.floating[Any]], rate: float = OPERATING_RATE) -> float:
    """The distance at which a share *rate* of the pairs of *different* people is closer."""
    return float(np.quantile(different, rate))


def true_accept_rates(same: DoubleVector, different: DoubleVector) -> dict[float, float]:
    """By false match rate: the share of pairs of one person that are closer than its distance.

    Rates with fewer than FEWEST false matches are left out. Empty if no person has two faces.
    """
    if not len(same):
        return {}
    known = [rate for rate in RATES if round(rate * len(different)) >= FEWEST]
    return {rate: float((same < operating_distance(different, rate)).mean()) for rate in known}


@dataclass(frozen=True, slots=True)
class StrangerPairs:
    """All pairs of faces of different people, each around a centre that knows neither of the two.

    A centre that was taken from two people too holds them apart: they would look less alike than
    people whom the profile never saw. With 20 people that hides four of five false matches.

    Attributes:
        distances: (p,) float32 cosine distances.
        first, second: (p,) int32, the number of each face's person.
        faces: (people,) how many faces each person has.
    """

    distances: NDArray[np.float32]
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    faces: IntVector

    def operating_distance(self, rate: float) -> float:
        """The distance at which a share *rate* of the pairs is closer."""
        return operating_distance(self.distances, rate)

    def interval(self, rate: float, seed: int, rounds: int = 200) -> tuple[float, float]:
        """A 95 % interval of the operating distance: a bootstrap that draws people, not pairs.

        Pairs of one person depend on each other; drawing pairs would make the interval too narrow.
        B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993.
        """
        closest = np.argsort(self.distances)[: max(1, int(len(self.distances) * 20 * rate))]
        distances, first, second = (
            self.distances[closest],
            self.first[closest],
            self.second[closest],
        )
        rng = np.random.default_rng(seed)
        people = len(self.faces)
        found = []
        for _ in range(rounds):
            drawn = np.bincount(rng.integers(people, size=people), minlength=people)
            weight = drawn * self.faces.astype(np.float64)
            pairs = (weight.sum() ** 2 - (weight**2).sum()) / 2
            total = np.cumsum(drawn[first] * drawn[second])
            place = min(int(np.searchsorted(total, rate * pairs)), len(total) - 1)
            found.append(distances[place])
        low, high = np.quantile(found, (0.025, 0.975))
        return float(low), float(high)


def stranger_pairs(raw: FloatMatrix, people: Sequence[str]) -> StrangerPairs:
    """Compare each two of at least three *people* by their *raw* embeddings (n, d)."""
    names = np.array(people)
    faces = [raw[names == name].astype(np.float64) for name in sorted(set(people))]
    means = [rows.mean(axis=0) for rows in faces]
    total = np.sum(means, axis=0)
    distances, first, second = [], [], []
    for one, other in combinations(range(len(faces)), 2):
        centre = (total - means[one] - means[other]) / (len(faces) - 2)
        space = VectorSpace(Profile(tuple(centre.tolist()), 1.0))
        pairs = 1 - space.unit(faces[one]) @ space.unit(faces[other]).T
        distances.append(pairs.ravel())
        first.append(np.full(pairs.size, one, np.int32))
        second.append(np.full(pairs.size, other, np.int32))
    return StrangerPairs(
        np.concatenate(distances),
        np.concatenate(first),
        np.concatenate(second),
        np.array([len(rows) for rows in faces]),
    )
