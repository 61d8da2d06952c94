"""A model's vector space: turns raw embeddings into unit vectors, and thresholds into cosine cuts.

    unit vector   = normalise(raw − centre)
    distance      = 1 − cosine similarity, 0 to 2
    threshold     = distance × 0.2 / operating_distance        (calibrated scale)

operating_distance is the distance at which the model counts best, which is that of a certain false
match rate (docs/accuracy.md). So 0.2 is every model's own operating point.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib.resources import files
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import FloatMatrix, length
from index.base.choices import DistanceScale
from index.base.errors import ConfigError
from index.vectors.match_rates import FalseMatchRates

OPERATING_THRESHOLD = 0.2
FARTHEST = 1e6  # far beyond every cosine distance, and still a number in JSON
MOST_STRAY = 10.0  # far beyond use
UNBOUNDED = 1e9  # a ratio that no two groups have
MIN_NORM = 1e-6  # a shorter vector has no direction
KEPT = 5  # earlier profiles, each some 10 kB
VERSION_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Scatter:
    """How the vectors of one person scatter; see index.counting.evidence.

    Attributes:
        rho: share of a vector's variance that belongs to the person, above 0 and below 1.
        stray: how much more readily a stray face joins than two persons become one, 0 or more.
        stray_ratio: how many times larger one group is than the other when that grows no further,
            at least 1.
        norm: the length of a usual face's raw embedding, by which faces weigh (see
            index.counting.weights), above 0; None: all weigh the same.
    """

    rho: float
    stray: float
    stray_ratio: float = UNBOUNDED  # as in profiles that were made before there was a bound
    norm: float | None = None  # likewise, and of models whose vectors do not tell

    @property
    def is_possible(self) -> bool:
        """Whether every number is in its range."""
        is_norm = self.norm is None or MIN_NORM < self.norm < math.inf
        is_stray = 0 <= self.stray <= MOST_STRAY and self.stray_ratio >= 1
        return 0 < self.rho < 1 and is_stray and is_norm


USUAL = Scatter(0.48, 0.30, 3.0)  # FaceNet's, and that of models of which nothing is known
_BEFORE = {"rho": 0.42, "stray": 0.09}  # of profiles made before they said so: all are FaceNet's


@dataclass(frozen=True, slots=True)
class Choice:
    """How a library came to count by a profile, or to stay with it.

    Attributes:
        by: "operator", or "ingest" if the setting calibrate says so.
        faces: how many the library held then.
        outcome: in words.
    """

    by: str
    faces: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Profile:
    """The measurements of a model.

    Attributes:
        centre: mean of the raw embeddings of many people's faces; zeros when not measured.
        operating_distance: cosine distance of centred vectors at the operating rate.
        measured: on what, and with which result; shown to users, and counts never depend on it.
        scatter: for counting by evidence.
        operating_rate: the false match rate at which the model counts best.
        replaces: the profile that was in use before, as JSON has it; it may have one of its own.
        choice: the last one made about this profile in this library; None: none was made.
    """

    centre: tuple[float, ...]
    operating_distance: float
    measured: dict[str, Any] = field(default_factory=dict)
    scatter: Scatter = USUAL
    operating_rate: float = 1e-3
    replaces: dict[str, Any] | None = field(default=None, compare=False)
    choice: Choice | None = field(default=None, compare=False)

    @property
    def version(self) -> str:
        """Hex digits that are the same for all profiles that count alike, and for no others."""
        scatter = [number for number in asdict(self.scatter).values() if number is not None]
        text = json.dumps([self.centre, self.operating_distance, *scatter]).encode()
        return hashlib.sha256(text).hexdigest()[:VERSION_DIGITS]

    def after(self, before: "Profile") -> "Profile":
        """This profile, so that undone() gives *before*, and so on, for KEPT profiles."""
        kept = link = json.loads(before.to_json())
        for _ in range(KEPT - 1):
            link = link["replaces"] or {"replaces": None}
        link["replaces"] = None
        return replace(self, replaces=kept)

    @property
    def is_chosen(self) -> bool:
        """Whether anybody chose it; else it came with the model."""
        return self.choice is not None or self.replaces is not None

    def undone(self) -> "Profile | None":
        """The profile that this one replaced; None if that is not known."""
        return None if self.replaces is None else Profile.from_json(json.dumps(self.replaces))

    def to_json(self) -> str:
        """As stored in the database and in files."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a profile.

        Raises:
            ConfigError: it is malformed or its numbers make no sense.
        """
        try:
            found = json.loads(text)
            profile = cls(
                _numbers(found["centre"]),
                float(found["operating_distance"]),
                dict(found.get("measured", {})),
                _scatter(found.get("scatter", _BEFORE)),
                float(found.get("operating_rate", 1e-3)),
                found.get("replaces"),
                None if found.get("choice") is None else Choice(**found["choice"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ConfigError(f"malformed model profile: {error}") from error
        if not profile.centre or not all(map(math.isfinite, profile.centre)):
            raise ConfigError("malformed model profile: its centre is not a list of numbers")
        FalseMatchRates.of(profile.measured)
        if not 0 < profile.operating_distance < 2:  # noqa: PLR2004 - the range of the distance
            raise ConfigError(f"operating distance {profile.operating_distance} is not in 0 to 2")
        if not profile.scatter.is_possible:
            raise ConfigError(f"malformed model profile: {profile.scatter} is out of range")
        if not isinstance(profile.replaces, dict | None):
            raise ConfigError("malformed model profile: what it replaces is no profile")
        if not 0 < profile.operating_rate < 1:
            raise ConfigError(f"operating rate {profile.operating_rate} is not in 0 to 1")
        return profile


def _scatter(numbers: dict[str, Any]) -> Scatter:
    return Scatter(**{name: float(x) for name, x in numbers.items() if x is not None})


def _numbers(values: object) -> tuple[float, ...]:
    if not isinstance(values, list):
        raise TypeError("its centre is not a list of numbers")
    return tuple(float(value) for value in values)


def unmeasured(dim: int) -> Profile:
    """The profile of a model that was not measured: a usual cut, until the operator calibrates."""
    return Profile((0.0,) * dim, 0.4, {"note": "not measured; run person-count calibrate"})


def shipped_profile(model: str, dim: int) -> Profile:
    """The profile that comes with *model*, or one of *dim* numbers marked as not measured."""
    resource = files("index.vectors") / "profiles" / f"{model}.json"
    if "/" in model or not resource.is_file():
        return unmeasured(dim)
    return Profile.from_json(resource.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class VectorSpace:
    """Where a model's unit vectors live. It knows no threshold, so it needs no scale."""

    profile: Profile

    @cached_property
    def space_id(self) -> str:
        """Hex SHA-256 of the centre: vectors of one id can be compared with each other."""
        return hashlib.sha256(self._centre.tobytes()).hexdigest()

    @cached_property
    def profile_version(self) -> str:
        """The profile's version, which takes a fifth of a millisecond to compute."""
        return self.profile.version

    @cached_property
    def _centre(self) -> NDArray[np.float64]:
        return np.asarray(self.profile.centre, "<f8")

    @property
    def dim(self) -> int:
        """How many numbers a vector has."""
        return len(self.profile.centre)

    def unit(self, raw: FloatMatrix) -> FloatMatrix:
        """Turn raw embeddings (n, d) into centred vectors of length 1, float32 C-contiguous.

        It computes in float64, row by row, so that a vector never depends on its batch.
        """
        wide = raw.astype(np.float64)
        wide -= self._centre
        wide /= np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), MIN_NORM)
        return np.ascontiguousarray(wide, dtype=np.float32)


@dataclass(frozen=True)
class Space(VectorSpace):
    """The same with thresholds, on the scale that the operator chose (settings.distance)."""

    scale: DistanceScale

    @classmethod
    def calibrated(cls, profile: Profile) -> Self:
        """On the calibrated scale, whatever the operator chose: what a profile is measured on."""
        return cls(profile, DistanceScale.CALIBRATED)

    def distance(self, threshold: float) -> float:
        """The cosine distance that *threshold* stands for, at most FARTHEST."""
        if self.scale is DistanceScale.COSINE:
            return min(threshold, FARTHEST)
        return min(threshold * self.profile.operating_distance / OPERATING_THRESHOLD, FARTHEST)

    def threshold(self, distance: float) -> float:
        """The threshold that a cosine distance stands for; the inverse of distance()."""
        if self.scale is DistanceScale.COSINE:
            return distance
        return distance * OPERATING_THRESHOLD / self.profile.operating_distance

    def false_match_rate(self, distance: float) -> float | None:
        """An upper bound on the share of pairs of strangers as near as *distance*.

        None on the plain scale, beyond the measured thresholds, and if nothing was measured.
        """
        if self.scale is DistanceScale.COSINE or self._match_rates is None:
            return None
        return self._match_rates.at(self.threshold(distance))

    @cached_property
    def _match_rates(self) -> FalseMatchRates | None:
        return FalseMatchRates.of(self.profile.measured)

    def cut(self, threshold: float) -> float:
        """The cosine similarity above which two faces are linked."""
        return 1.0 - self.distance(threshold)


def stored_vector_space(profile: str) -> VectorSpace:
    """The space of a *profile* as the database stores it. Raises ConfigError, it is malformed."""
    return VectorSpace(Profile.from_json(profile))


def stored_space(profile: str, scale: DistanceScale) -> Space:
    """The same with thresholds on *scale*. Raises ConfigError, it is malformed."""
    return Space(Profile.from_json(profile), scale)


def usable(raw: NDArray[np.float32]) -> bool:
    """Whether an embedding has finite numbers and a direction; only such ones are stored."""
    norm = length(raw)
    return math.isfinite(norm) and norm > MIN_NORM
