"""Measure how much the answers to the first few questions mend a count.

usage: python benchmarks/judging.py DIR [--model facenet] [--splits 5] [--draws 50] [--answers 10]
                                    [--persons 20] [--photos 5] [--data FOLDER]

DIR holds a folder of photos for each person. Each split halves the people at random. One half gives
centre and operating distance, and draws of the other half are counted at 0.2. Then the halves
change places. After each count a truthful person answers one question: are these two faces one
person? The judgement is kept, and the count is made anew. "doubts" asks what /persons and the page
ask first; "random" asks about a random one of all the merges that doubts are taken from, in the
same draws.

How to read the JSON: by the number of answers, the share of exact counts in per cent, and the mean
error in persons.

Photos are embedded once and kept in the data folder of `person-count evaluate`, --data.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from accuracy import Half, Rows, embedded
from numpy.typing import NDArray

from index.base.arrays import FloatMatrix
from index.base.choices import Linkage
from index.counting.doubts import Doubt, doubts
from index.counting.face_set import FaceSet
from index.counting.hierarchy import Hierarchy
from index.counting.judged import Judged, judged_hierarchy
from index.counting.partition import Partition
from index.evaluation.measures import halves
from index.vectors.space import shipped_profile

Order = Callable[[Hierarchy, FloatMatrix, float], Doubt | None]


def most_doubtful(tree: Hierarchy, vectors: FloatMatrix, distance: float) -> Doubt | None:
    """The question that the page offers first."""
    return next(iter(doubts(tree, vectors, distance, 1)), None)


def at_random(chance: np.random.Generator) -> Order:
    """Any of the questions that the page could offer."""

    def choose(tree: Hierarchy, vectors: FloatMatrix, distance: float) -> Doubt | None:
        found = doubts(tree, vectors, distance, tree.count)
        return found[chance.integers(len(found))] if found else None

    return choose


def errors(
    faces: FaceSet,
    truth: Sequence[str],
    distance: float,
    answers: int,
    order: Order,
) -> list[int]:
    """Counted - true persons after 0, 1, 2, ... answers."""
    count = len(faces)
    rows, said, found = np.arange(count), Partition(count), []
    for _ in range(answers + 1):
        group = np.array([said.root(row) for row in range(count)])
        judged = Judged(rows, group, tuple(said.apart()))
        tree = judged_hierarchy(faces, Linkage.EVIDENCE, judged)
        found.append(tree.persons_at(distance) - len(set(truth)))
        question = order(tree, faces.vectors, distance)
        if question is None:
            continue
        one, other = question.first, question.second
        (said.join if truth[one] == truth[other] else said.keep_apart)(one, other)
    return found


def main() -> None:
    """Print the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="facenet")
    for name, default in (("splits", 5), ("draws", 50), ("answers", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--persons", type=int, default=20)
    parser.add_argument("--photos", type=int, default=5)
    parser.add_argument("--data", type=Path, default=Path("accuracy-data"))
    given = parser.parse_args()
    faces = embedded(given.folder, given.model, given.data)
    profile = shipped_profile(given.model, faces.raw.shape[1])
    found: dict[str, list[list[int]]] = {"doubts": [], "random": []}
    for seed, turned in product(range(given.splits), (False, True)):
        one, other = (Half(faces, names) for names in halves(faces.people, seed))
        tuned, judged = (other, one) if turned else (one, other)
        (distance,) = tuned.distances([profile.operating_rate])
        space, key = tuned.space(), [seed, int(turned)]
        drawn = judged.draws("", given.persons, given.photos, given.draws, key)
        for number, (_, rows) in enumerate(drawn):
            asked = FaceSet.of_raw(faces.raw[rows], np.arange(len(rows)), space)
            truth = names_of(faces.people, rows)
            chance = at_random(np.random.default_rng([*key, number]))
            for name, order in (("doubts", most_doubtful), ("random", chance)):
                found[name].append(errors(asked, truth, distance, given.answers, order))
    print(json.dumps({name: table(np.array(some)) for name, some in found.items()}, indent=1))


def names_of(people: Sequence[str], rows: Rows) -> list[str]:
    """The true person of each face of a draw."""
    return [people[row] for row in rows.tolist()]


def table(found: NDArray[np.int64]) -> dict[str, list[float]]:
    """By the number of answers, from errors (draws, answers + 1)."""
    return {
        "exact": [round(100 * share, 1) for share in (found == 0).mean(axis=0).tolist()],
        "mean_error": [round(error, 3) for error in np.abs(found).mean(axis=0).tolist()],
    }


if __name__ == "__main__":
    main()
