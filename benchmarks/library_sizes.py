"""Measure which libraries are noticed, calibrated or refused: by size, families and duplicates.

usage: python benchmarks/library_sizes.py [--most 10000]

The vectors are synthetic, with the likeness of synthetic.py: strangers are as similar to each other
as they are to FaceNet. In one place all faces share a part, so that some 50 in 1,000 pairs of
strangers pass at 0.2, as in the public set AR. A hundred other people in many places give the
profile that stands for the shipped one. Of two relatives a share of what differs between strangers
is the same. A duplicate is a photo that was saved again: nearly the same vector.

How to read the JSON: accepted_of_1000 is the share of pairs of different people that 0.2 takes for
one person, by that profile: first the shipped one, then what `calibrate --library` makes. "notice"
is what ingest says; null: nothing. Real photos: the table in docs/accuracy.md, and one_place.py.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from synthetic import ALIKE, DIM, SPREAD

# a script's own folder is searched first, where ingest.py would be taken for the package
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent]

from index.base.arrays import FloatMatrix  # noqa: E402
from index.counting.agglomeration import compile_now  # noqa: E402
from index.evaluation.evaluation import calibrate  # noqa: E402
from index.evaluation.library_fit import MIN_FACES, library_fit  # noqa: E402
from index.evaluation.library_fit import MOST_FACES as MOST_COMPARED  # noqa: E402
from index.evaluation.measures import pair_distances  # noqa: E402
from index.evaluation.self_calibration import (  # noqa: E402
    MOST_FACES,
    UntrustedError,
    self_calibrate,
)
from index.vectors.space import Profile, Space, shipped_profile  # noqa: E402

PLACE = 3.5  # the length of what all faces of one place share; a person's is √SPREAD
RELATED = 0.3  # the share that relatives have in common
COPY = 0.02  # of the noise between two photos: what saving again does to a vector
JUDGED = 2_000  # faces whose pairs are compared; all are 50 million pairs
SEED = 0


@dataclass(frozen=True)
class Kind:
    """A library.

    Attributes:
        families: the people belong to so many; 0: there are no relatives.
        duplicates: the share of faces that are copies of others.
    """

    name: str
    people: int
    photos: int
    families: int = 0
    duplicates: float = 0.0


KINDS = (
    Kind("30 faces", 8, 4),
    Kind("100 faces", 25, 4),
    Kind("300 faces", 75, 4),
    Kind("1,000 faces", 100, 10),
    Kind("10,000 faces", 1_000, 10),
    Kind("1,000 faces, 30 % duplicates", 100, 7, duplicates=0.3),
    Kind("one person, 300 faces", 1, 300),
    Kind("two families of 5, 300 faces", 10, 30, families=2),
    Kind("two families of 15, 300 faces", 30, 10, families=2),
)


def drawn(kind: Kind, shift: float, seed: int) -> tuple[FloatMatrix, list[str]]:
    """Raw embeddings (n, DIM) and whose they are."""
    axes = np.linalg.qr(np.random.default_rng(SEED).normal(size=(DIM, SPREAD)))[0].T
    chance = np.random.default_rng(seed)
    own = chance.normal(size=(kind.people, SPREAD))
    if kind.families:
        shared = chance.normal(size=(kind.families, SPREAD))[np.arange(kind.people) % kind.families]
        own = np.sqrt(RELATED) * shared + np.sqrt(1 - RELATED) * own
    person = np.repeat(np.arange(kind.people), kind.photos)
    noise = chance.normal(size=(len(person), SPREAD))
    if kind.duplicates:
        copies = round(len(person) * kind.duplicates / (1 - kind.duplicates))
        again = chance.integers(len(person), size=copies)
        person = np.concatenate([person, person[again]])
        noise = np.concatenate([noise, noise[again] + COPY * chance.normal(size=(copies, SPREAD))])
    small = np.sqrt(ALIKE) * own[person] + np.sqrt(1 - ALIKE) * noise + shift / SPREAD**0.5
    order = chance.permutation(len(person))
    raw = (small @ axes)[order].astype(np.float32)
    return raw, [f"{number:05}" for number in person[order]]


def accepted(profile: Profile, raw: FloatMatrix, people: list[str]) -> float | None:
    """Pairs of different people that *profile* takes for one person, in 1,000."""
    _, different = pair_distances(Space.calibrated(profile).unit(raw[:JUDGED]), people[:JUDGED])
    if not len(different):
        return None
    return round(1000 * float((different < profile.operating_distance).mean()), 2)


def measure(kind: Kind, shift: float, shipped: Profile) -> dict[str, Any]:
    """All figures of one library."""
    raw, people = drawn(kind, shift, SEED + 1)
    photos = np.arange(len(raw))
    found: dict[str, Any] = {"faces": len(raw), "people": kind.people}
    found["accepted_of_1000"] = [accepted(shipped, raw, people)]
    fit = library_fit(raw[:MOST_COMPARED], photos[:MOST_COMPARED], shipped)
    found["notice"] = None if fit is None else fit.to_document()
    if len(raw) < MIN_FACES:
        return found | {"outcome": "refused: too few faces"}
    begin = time.perf_counter()
    try:
        own = self_calibrate(raw[:MOST_FACES], photos[:MOST_FACES], shipped)
    except UntrustedError as error:
        return found | {"outcome": f"refused: {error}"}
    found["seconds"] = round(time.perf_counter() - begin, 1)
    found["counted"] = own.people
    if not own.has_changed:
        return found | {"outcome": "the shipped profile fits"}
    found["accepted_of_1000"].append(accepted(own.profile, raw, people))
    return found | {"outcome": "calibrated"}


def main() -> None:
    """Print the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=10_000, help="leave larger libraries out")
    most = parser.parse_args().most
    compile_now()
    usual = replace(shipped_profile("facenet", DIM), centre=(0.0,) * DIM)
    raw, people = drawn(Kind("shipped", 100, 12), 0.0, SEED + 2)
    shipped = calibrate(raw, people, SEED, usual)
    figures = {
        place: {
            kind.name: measure(kind, shift, shipped)
            for kind in KINDS
            if kind.people * kind.photos <= most
        }
        for place, shift in (("many places", 0.0), ("one place", PLACE))
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
