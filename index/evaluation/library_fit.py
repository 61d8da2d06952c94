"""Whether a profile fits the library: whether 0.2 means there what it was measured to mean. Pure.

The limits were chosen by measurement, on libraries drawn from LFW and on photos made to look like
those of one place (docs/accuracy.md). Both must be passed: a centre that is off tells of other
photos, and only if strangers are more alike there too does it harm counts.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from index.base.arrays import FloatMatrix, IntVector
from index.evaluation.counted_people import CountedPeople, is_measured, rate_at
from index.vectors.space import Profile

MIN_FACES = 100
MIN_PEOPLE = 20
MOST_FACES = 1_000  # counted in a tenth of a second
DEPARTURE = 1.5  # times as far as by chance; the largest of 144 libraries drawn from LFW was 1.34
EXCESS = 2.0  # times the rate that 0.2 stands for


@dataclass(frozen=True, slots=True)
class LibraryFit:
    """What the library's faces say of the profile in use, without labels.

    Attributes:
        faces, people: how many key faces were looked at, and the persons counted in them.
        departure: how many times as far the centre of the library lies from the profile's as that
            of other people would by chance.
        strangers_accepted: the share of pairs of strangers that 0.2 takes for one person here, as
            estimated from the bulk of all pairs.
        promised: the share that the profile was measured to accept.
    """

    faces: int
    people: int
    departure: float
    strangers_accepted: float
    promised: float

    @property
    def is_doubtful(self) -> bool:
        """Whether 0.2 does not mean here what it was measured to mean."""
        return self.departure > DEPARTURE and self.strangers_accepted >= EXCESS * self.promised

    def to_document(self) -> dict[str, Any]:
        """For reports."""
        return {
            "faces": self.faces,
            "people": self.people,
            "departure": round(self.departure, 2),
            "strangers_accepted": round(self.strangers_accepted, 5),
            "promised": self.promised,
            "doubtful": self.is_doubtful,
        }


def library_fit(raw: FloatMatrix, photos: IntVector, profile: Profile) -> LibraryFit | None:
    """Compare key faces of the library with *profile*, by which they are counted.

    Args:
        raw: (n, d) embeddings of faces drawn by chance; MOST_FACES are enough.
        photos: (n,) a number for the photo of each.

    Returns: None if it cannot be told: too few faces or people, or a profile without measurements.
    """
    if len(raw) < MIN_FACES or not is_measured(profile):
        return None
    people = CountedPeople.count(raw, photos, profile)
    if people.number < MIN_PEOPLE:
        return None
    line = people.strangers(MOST_FACES, np.array(profile.centre)).line(profile)
    if line.slope <= 0:
        return None
    return LibraryFit(
        len(raw),
        people.number,
        people.departure(profile).times,
        rate_at(profile, line.there(1 - profile.operating_distance)),
        profile.operating_rate,
    )
