"""The people that a count finds among faces without labels, and how alike strangers are. Pure.

Nobody says who is who, so the count itself does: each of its persons stands for one of the people.
Two things can be told from them without knowing who they are.

Departure. The centre of the library is the mean of its people's means. Drawing other people moves
it: by chance its squared distance from a profile's centre is

    E = s² (1 / people + 1 / people of the profile),

where s² is the variance of the people's means. If D is the squared distance that is found, 1 − E/D
of it is left for what the photos have in common (W. James, C. Stein, "Estimation with Quadratic
Loss", 1961). That is the weight of what the library says against what the profile says.

Likeness. At the operating distance one pair of strangers in a thousand is taken for one person.
Counted people cannot show that pair: the count has joined the two. But nearly all pairs of
different persons are strangers, and the count keeps those apart whatever the profile. So the bulk
of their similarities is compared with the bulk in the profile, at the rates BULK. Both nearly lie
on a line,

    similarity here = a + b × similarity there,

and the line is continued to the operating rate. What is assumed is the shape of the tail, which is
that of the profile's people. Figures: docs/accuracy.md.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import DoubleVector, FloatMatrix, IntVector
from index.base.choices import Linkage
from index.counting.face_set import FaceSet
from index.counting.grouping import persons
from index.vectors.match_rates import FALSE_MATCH_RATES, FalseMatchRates
from index.vectors.space import OPERATING_THRESHOLD, Profile, Space

BULK = (0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.3)  # of pairs of strangers; few of those are in error
MOST_PHOTOS = 20  # of one person, or the pairs of one would be most
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """similarity here = start + slope × similarity there."""

    start: float
    slope: float

    def here(self, there: float) -> float:
        """The similarity here that is as rare as *there*."""
        return self.start + self.slope * there

    def there(self, here: float) -> float:
        """The inverse of here()."""
        return (here - self.start) / self.slope

    def part(self, weight: float) -> "Line":
        """The line between "no difference", at *weight* 0, and this one, at 1."""
        return Line(weight * self.start, 1 - weight + weight * self.slope)


@dataclass(frozen=True, slots=True)
class Departure:
    """How far the library's centre lies from a profile's.

    Attributes:
        found: the distance.
        expected: the distance that drawing other people gives by chance, as a root mean square.
    """

    found: float
    expected: float

    @property
    def times(self) -> float:
        """How many times as far as by chance."""
        return self.found / self.expected if self.expected else math.inf

    @property
    def weight(self) -> float:
        """The share of the square that chance does not explain, 0 to 1."""
        return max(0.0, 1 - 1 / self.times**2) if self.times else 0.0


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of faces of different persons, sorted by falling similarity.

    Attributes:
        similarities: (p,) cosine similarities.
        first, second: (p,) the persons.
    """

    similarities: Doubles
    first: IntVector
    second: IntVector

    def line(self, profile: Profile, drawn: IntVector | None = None) -> Line:
        """Compare them with the strangers of *profile*.

        Args:
            drawn: (people,) how often each person was drawn, for a bootstrap.
        """
        if drawn is None:
            found = np.quantile(self.similarities, 1 - np.array(BULK))
        else:
            total = np.cumsum(drawn[self.first] * drawn[self.second])
            places = np.searchsorted(total, np.array(BULK) * total[-1])
            found = self.similarities[np.minimum(places, len(total) - 1)]
        slope, start = np.polyfit(similarities_at(profile, BULK), found, 1)
        return Line(float(start), float(slope))


@dataclass(frozen=True, slots=True)
class CountedPeople:
    """Faces, and the persons that a count took them for.

    Attributes:
        raw: (n, d) embeddings.
        person_of: (n,) numbers from 0.
        means: (people, d) the mean of each person's embeddings.
    """

    raw: Doubles
    person_of: IntVector
    means: Doubles

    @classmethod
    def count(cls, raw: FloatMatrix, photos: IntVector, profile: Profile) -> Self:
        """Count *raw* embeddings (n, d) of faces in *photos* (n,) at 0.2, as a question would."""
        space = Space.calibrated(profile)
        faces = FaceSet.of_raw(raw, photos, space)
        person_of = persons(faces, space.cut(OPERATING_THRESHOLD), Linkage.EVIDENCE)
        wide = raw.astype(np.float64)
        means = np.zeros((int(person_of.max()) + 1, raw.shape[1]))
        np.add.at(means, person_of, wide)
        return cls(wide, person_of, means / np.bincount(person_of)[:, None])

    @property
    def number(self) -> int:
        """How many people there are."""
        return len(self.means)

    def departure(self, profile: Profile, drawn: IntVector | None = None) -> Departure:
        """How far their centre lies from that of *profile*."""
        weights = np.ones(self.number) if drawn is None else drawn.astype(np.float64)
        centre = np.average(self.means, axis=0, weights=weights)
        squares = np.square(self.means - centre).sum(axis=1)
        variance = float(np.average(squares, weights=weights)) * self.number / (self.number - 1)
        others = people_of(profile)
        chance = 1 / self.number + (1 / others if others else 0.0)
        moved = float(np.linalg.norm(centre - np.array(profile.centre)))
        return Departure(moved, math.sqrt(variance * chance))

    def sample(self, most: int) -> IntVector:
        """Rows of at most *most* faces, of each person at most MOST_PHOTOS, drawn by chance."""
        chance = np.random.default_rng(0)
        order = chance.permutation(len(self.raw))
        number = np.zeros(len(self.raw), np.int64)  # of each face among those of its person
        by_person = order[np.argsort(self.person_of[order], kind="stable")]
        counts = np.bincount(self.person_of)
        starts = np.cumsum(counts) - counts
        number[by_person] = np.arange(len(order)) - np.repeat(starts, counts)
        return order[number[order] < MOST_PHOTOS][:most]

    def strangers(self, most: int, centre: DoubleVector | None = None) -> Pairs:
        """Compare faces of different persons, of *most* faces.

        Around a *centre*; without one, each pair around the mean of all others' means, because a
        centre that knows the two holds them apart. That takes three people or more.
        """
        rows = self.sample(most)
        faces, person = self.raw[rows], self.person_of[rows]
        found = (
            self._around_the_others(faces, person) if centre is None else _cosines(faces - centre)
        )
        first, second = np.triu_indices(len(rows), 1)
        different = person[first] != person[second]
        first, second = first[different], second[different]
        similarities = found[first, second]
        order = np.argsort(-similarities)
        return Pairs(similarities[order], person[first[order]], person[second[order]])

    def _around_the_others(self, faces: Doubles, person: IntVector) -> Doubles:
        """(n, n) similarities, that of i and j around c = (T − mᵢ − mⱼ) / (people − 2).

        T is the sum of all means, and mᵢ the mean of the person of face i. Expanding the products
        gives (x − c)·(y − c) and |x − c|² for all pairs from a few matrices.
        """
        others, total = self.number - 2, self.means.sum(axis=0)
        own = faces @ self.means[person].T  # of face i with the mean of j's person
        along = (faces @ total - np.diag(own))[:, None] - own  # x · c, times others
        along /= others
        means = self.means[person]
        square = np.square(means).sum(axis=1) - 2 * means @ total
        c_squared = total @ total + square[:, None] + square + 2 * means @ means.T
        c_squared /= others**2
        lengths = np.square(faces).sum(axis=1)[:, None] - 2 * along + c_squared
        products = faces @ faces.T - along - along.T + c_squared
        found: Doubles = products / np.sqrt(np.maximum(lengths * lengths.T, 1e-12))
        return found

    def likeness(self, profile: Profile, most: int) -> float | None:
        """The median similarity of two faces of one person; None without such a pair."""
        rows = self.sample(most)
        person = self.person_of[rows]
        found = _cosines(self.raw[rows] - np.array(profile.centre))
        first, second = np.triu_indices(len(rows), 1)
        same = person[first] == person[second]
        return float(np.median(found[first[same], second[same]])) if same.any() else None


def _cosines(vectors: Doubles) -> Doubles:
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    found: Doubles = unit @ unit.T
    return found


def people_of(profile: Profile) -> int:
    """How many people gave *profile* its centre; 0 if that is not known."""
    return int(profile.measured.get("people", 0))


def is_measured(profile: Profile) -> bool:
    """Whether libraries can be compared with *profile*: its strangers were measured."""
    return people_of(profile) > 0 and FALSE_MATCH_RATES in profile.measured


def similarities_at(profile: Profile, rates: tuple[float, ...]) -> Doubles:
    """The similarities of strangers of a measured *profile* at false match *rates*, ascending."""
    similarities, logarithms = _tail(profile)
    return np.interp(np.log(rates), logarithms, similarities)


def rate_at(profile: Profile, similarity: float) -> float:
    """The share of strangers of a measured *profile* that are at least so similar."""
    similarities, logarithms = _tail(profile)
    return float(np.exp(np.interp(-similarity, -similarities, logarithms)))


def _tail(profile: Profile) -> tuple[Doubles, Doubles]:
    """Falling similarities and the logarithms of their rates, where the profile has matches."""
    table = FalseMatchRates.of(profile.measured)
    if table is None:
        raise ValueError("this profile was not measured")
    matches = np.array(table.matches, np.float64)
    distance = Space.calibrated(profile).distance
    similarities = 1 - np.array([distance(threshold) for threshold in table.thresholds])
    known = matches > 0
    return similarities[known], np.log(matches[known] / table.pairs)
