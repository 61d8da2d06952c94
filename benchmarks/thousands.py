"""Count drawn faces by the thousand, which scatter as the embeddings of real people do.

usage: python benchmarks/thousands.py DIR [--models facenet,mobilefacenet] [--data FOLDER]

DIR holds a folder of photos for each person. They give two covariances: of the people's means, and
of photos about the mean of their person. Persons and their photos are drawn from normal
distributions with these, and counted at 0.2 with the shipped profile. A hundred people span fewer
dimensions than a thousand do, so drawn strangers are more alike than real ones:
accepted_of_1000 says how many pairs of them are closer than 0.2 is.

How to read the JSON: photos of a person, equally often; faces; persons there, and counted.

Photos are embedded once and kept in the data folder of `person-count evaluate`, --data.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import embedded
from numpy.typing import NDArray

from index.base.arrays import FloatMatrix
from index.base.choices import DEFAULT_THRESHOLD, Linkage
from index.counting.face_set import FaceSet
from index.counting.grouping import persons
from index.evaluation.measures import LabelledFaces
from index.vectors.space import Space, shipped_profile

REALISTIC = (1, 1, 1, 2, 2, 3, 3, 5, 12, 40)  # as large.py has it
DRAWN = (((1,), 1_000), ((5,), 1_000), ((1, 2, 3), 3_000), (REALISTIC, 1_000), (REALISTIC, 10_000))
SAMPLE = 2_000  # faces whose pairs are looked at


class Crowd:
    """Draws faces like those of *faces*."""

    def __init__(self, faces: LabelledFaces) -> None:
        """Compute the covariances."""
        names, person = np.unique(faces.people, return_inverse=True)
        raw = faces.raw.astype(np.float64)
        means = np.array([raw[person == number].mean(axis=0) for number in range(len(names))])
        within, photos = np.cov((raw - means[person]).T), len(raw) / len(names)
        self._centre = means.mean(axis=0)
        self._photo = _root(within)
        self._person = _root(np.cov(means.T) - within / photos)  # the means scatter, too

    def draw(self, sizes: tuple[int, ...], count: int) -> tuple[FloatMatrix, NDArray[np.int64]]:
        """Embeddings (count, d) float32, and the person of each."""
        chance = np.random.default_rng(1)
        person = np.repeat(np.arange(count), chance.choice(sizes, count))[:count]
        who = chance.normal(size=(person[-1] + 1, len(self._centre))) @ self._person.T
        photo = chance.normal(size=(count, len(self._centre))) @ self._photo.T
        order = chance.permutation(count)
        return (self._centre + who[person] + photo)[order].astype(np.float32), person[order]


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix that, times its transpose, gives *covariance* without its negative part."""
    lengths, axes = np.linalg.eigh(covariance)
    root: NDArray[np.float64] = axes * np.sqrt(np.maximum(lengths, 0.0))
    return root


def counts(faces: LabelledFaces, model: str) -> Iterator[dict[str, Any]]:
    """The figures of each size."""
    space, crowd = Space.calibrated(shipped_profile(model, faces.raw.shape[1])), Crowd(faces)
    cut = space.cut(float(DEFAULT_THRESHOLD))
    for sizes, count in DRAWN:
        raw, person = crowd.draw(sizes, count)
        drawn = FaceSet.of_raw(raw, np.arange(count), space)
        some, theirs = drawn.vectors[:SAMPLE], person[:SAMPLE]
        strangers = theirs[:, None] != theirs[None, :]
        accepted = float(((some @ some.T) > cut)[strangers].mean())
        labels = persons(drawn, cut, Linkage.EVIDENCE)
        yield {
            "photos": sizes,
            "faces": count,
            "there": int(person.max()) + 1,
            "counted": int(labels.max()) + 1,
            "accepted_of_1000": round(1000 * accepted, 1),
        }


def main() -> None:
    """Print the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default="facenet,mobilefacenet")
    parser.add_argument("--data", type=Path, default=Path("accuracy-data"))
    given = parser.parse_args()
    found = {
        model: list(counts(embedded(given.folder, model, given.data), model))
        for model in given.models.split(",")
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
