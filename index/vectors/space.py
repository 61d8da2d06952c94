"""A model's vector space: turns raw embeddings into unit vectors, and thresholds into cosine cuts.

    unit vector   = normalise(raw − centre)
    distance      = 1 − cosine similarity, 0 to 2
    threshold     = distance × 0.2 / operating_distance        (calibrated scale)

operating_distance is the distance at which one pair in 1,000 of different people is taken for the
same person (false match rate 1e-3), so a threshold of 0.2 means the same for every model.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import FloatMatrix
from index.base.choices import DistanceScale
from index.base.errors import ConfigError
from index.vectors.match_rates import FalseMatchRates

OPERATING_THRESHOLD = 0.2
DIM = 512  # FaceNet's embeddings
FARTHEST = 1e6  # far beyond every cosine distance, and still a number in JSON
MIN_NORM = 1e-6  # a shorter vector has no direction


@dataclass(frozen=True, slots=True)
class Profile:
    """The measurements of a model.

    Attributes:
        centre: mean of the raw embeddings of many people's faces; zeros when not measured.
        operating_distance: cosine distance of centred vectors at a false match rate of 1e-3.
        measured: the photos it was measured on, and the results. It is shown to users; counts do
            not depend on it.
    """

    centre: tuple[float, ...]
    operating_distance: float
    measured: dict[str, Any] = field(default_factory=dict)

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
            )
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise ConfigError(f"malformed model profile: {error}") from error
        if not profile.centre or not all(map(math.isfinite, profile.centre)):
            raise ConfigError("malformed model profile: its centre is not a list of numbers")
        FalseMatchRates.of(profile.measured)
        if not 0 < profile.operating_distance < 2:  # noqa: PLR2004 - the range of the distance
            raise ConfigError(f"operating distance {profile.operating_distance} is not in 0 to 2")
        return profile


def _numbers(values: object) -> tuple[float, ...]:
    if not isinstance(values, list):
        raise TypeError("its centre is not a list of numbers")
    return tuple(float(value) for value in values)


# Not measured by us: FaceNet's usual verification cut, until the operator calibrates.
UNMEASURED = Profile((0.0,) * DIM, 0.4, {"note": "not measured; run person-count calibrate"})


def shipped_profile(weights: str) -> Profile:
    """The profile that comes with *weights*, or one marked as not measured."""
    resource = files("index.vectors") / "profiles" / f"{weights}.json"
    if "/" in weights or not resource.is_file():
        return UNMEASURED
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
    norm = float(np.linalg.norm(raw.astype(np.float64)))
    return math.isfinite(norm) and norm > MIN_NORM
