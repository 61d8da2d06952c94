"""Measure counts on people that nothing was tuned on, over half-splits of labelled photos.

usage: python benchmarks/accuracy.py DIR [--models facenet,mobilefacenet] [--splits 5] [--draws 100]
                                     [--choose] [--data FOLDER] [--plots FOLDER]

DIR holds a folder of photos for each person. Each split halves the people at random. One half gives
centre and operating distance, as `person-count calibrate` would; counts of the other half are
judged. Then the halves change places. So five splits give ten results.

For each size it draws people and photos (a tenth as often for 50 x 10) and counts them at 0.2.
"40 + 10 x 1" is 40 photos of one person and one of each of ten others.

With --choose, each half also chooses its own constants and operating rate, from GRID and RATES:
those with the largest sum of exact counts of its own people, each around a centre of the rest.
"chosen" judges them on the other half. Without it, the profile that is shipped gives them. Of a
model whose faces have weights, each half takes the usual length from its own faces, and chooses
whether faces weigh the same.

How to read the JSON: exact per cent of each size, mean and worst of the halves, and the bias, which
is the mean of counted - true persons. accepted_of_1000 is the share of strangers of the judged half
that are closer than the distance the other half gave. --plots draws det.png and persons.png.

Photos are embedded once and kept in the data folder of `person-count evaluate`, --data.
"""

import argparse
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from accuracy_plots import write_det, write_persons
from numpy.typing import NDArray

# a script's own folder is searched first, where ingest.py would be taken for the package
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent]

from index.base.choices import Linkage  # noqa: E402
from index.base.settings import Settings  # noqa: E402
from index.counting.agglomeration import compile_now  # noqa: E402
from index.counting.face_set import FaceSet  # noqa: E402
from index.counting.hierarchy import hierarchy  # noqa: E402
from index.counting.weights import weights_of  # noqa: E402
from index.evaluation.measures import (  # noqa: E402
    LabelledFaces,
    halves,
    pair_distances,
    stranger_pairs,
)
from index.vectors.space import Profile, Scatter, Space, shipped_profile  # noqa: E402
from ingest.jobs.labelled import load_labelled  # noqa: E402

Rows = NDArray[np.int64]
SPECIAL = "40 + 10 x 1"
Sizes = dict[str, tuple[int, int]]  # persons, and photos of each
SIZES: Sizes = {
    f"{persons} x {photos}": (persons, photos)
    for persons, photos in (
        *((2, 5), (5, 4), (10, 5), (20, 5), (50, 10)),
        *((1, 30), (20, 1), (20, 2), (50, 1)),
    )
} | {SPECIAL: (11, 40)}
CURVE: Sizes = {f"{persons} x 5": (persons, 5) for persons in (2, 5, 10, 15, 20, 30, 40, 50)}
LARGEST = "50 x 10"
RATES = (2e-4, 3e-4, 5e-4, 7e-4, 1e-3, 1.4e-3, 2e-3, 3e-3)
GRID = tuple(
    Scatter(rho, stray, ratio)
    for rho, stray, ratio in product((0.42, 0.48, 0.54, 0.60, 0.66), (0.2, 0.3), (3.0, 10.0))
)


@dataclass(frozen=True)
class Half:
    """People, and what they give to a profile."""

    faces: LabelledFaces
    names: list[str]

    @cached_property
    def rows(self) -> dict[str, Rows]:
        """The rows of each of the people."""
        people = np.array(self.faces.people)
        return {name: np.flatnonzero(people == name) for name in self.names}

    @cached_property
    def norms(self) -> NDArray[np.float64]:
        """The length of every face's embedding, (n,): those of other people, too."""
        norms: NDArray[np.float64] = np.linalg.norm(self.faces.raw.astype(np.float64), axis=1)
        return norms

    @cached_property
    def norm(self) -> float:
        """The median length of the embeddings."""
        rows = np.concatenate(list(self.rows.values()))
        return float(np.median(self.norms[rows]))

    @cached_property
    def means(self) -> dict[str, NDArray[np.float64]]:
        """The mean of each person's embeddings."""
        return {name: self.faces.raw[rows].mean(0, np.float64) for name, rows in self.rows.items()}

    def space(self, without: Sequence[str] = ()) -> Space:
        """Around the mean of the people's means."""
        means = [mean for name, mean in self.means.items() if name not in without]
        return Space.calibrated(Profile(tuple(np.mean(means, axis=0).tolist()), 1.0))

    def distances(self, rates: Sequence[float]) -> list[float]:
        """The operating distance at each of *rates*."""
        rows = np.concatenate(list(self.rows.values()))
        people = [self.faces.people[row] for row in rows]
        pairs = stranger_pairs(self.faces.raw[rows], people)
        return [pairs.operating_distance(rate) for rate in rates]

    def draws(
        self, size: str, persons: int, photos: int, count: int, seed: list[int]
    ) -> Iterator[tuple[list[str], Rows]]:
        """People, and rows of their photos; as many as the half has, if it has fewer."""
        chance = np.random.default_rng(seed)
        most = persons == 1 or size == SPECIAL  # the first person needs many photos
        many = [name for name in self.names if len(self.rows[name]) >= photos]
        for _ in range(count if size != LARGEST else max(1, count // 10)):
            people = chance.permutation(self.names)[:persons].tolist()
            if most and many and people[0] not in many:
                first = str(chance.choice(many))
                people = [first, *(name for name in people[1:] if name != first)]
            each = [photos if size != SPECIAL or not n else 1 for n in range(len(people))]
            parts = [
                chance.permutation(self.rows[name])[:wanted]
                for name, wanted in zip(people, each, strict=True)
            ]
            yield people, np.concatenate(parts)


def judge(
    half: Half,
    space: Space | None,
    scatters: Sequence[Scatter],
    distances: Sequence[float],
    draws: int,
    seed: list[int],
    sizes: Sizes = SIZES,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact per cent and bias, each (sizes, scatters, distances).

    Without a *space*, each draw has one around a centre of those who were not drawn.
    """
    exact, bias = (np.zeros((len(sizes), len(scatters), len(distances))) for _ in range(2))
    for number, (size, shape) in enumerate(sizes.items()):
        errors = []
        for people, rows in half.draws(size, *shape, draws, [*seed, number]):
            others = [name for name in half.names if name not in people]
            own = space or half.space(people if len(others) > 1 else ())
            raw = half.faces.raw[rows]
            vectors, photos = own.unit(raw), np.arange(len(raw))
            norms = half.norms[rows]
            trees = [
                hierarchy(FaceSet(vectors, photos, one, weights_of(norms, one)), Linkage.EVIDENCE)
                for one in scatters
            ]
            found = [[tree.persons_at(distance) for distance in distances] for tree in trees]
            errors.append(np.array(found) - len(people))
        exact[number] = 100 * (np.array(errors) == 0).mean(axis=0)
        bias[number] = np.mean(errors, axis=0)
    return exact, bias


def measure(
    faces: LabelledFaces, name: str, splits: int, draws: int, *, choose: bool
) -> dict[str, Any]:
    """All figures of a model."""
    profile = shipped_profile(name, faces.raw.shape[1])
    shipped, curve, chosen, accepted, choices = [], [], [], [], []
    for seed, turned in product(range(splits), (False, True)):
        one, other = (Half(faces, names) for names in halves(faces.people, seed))
        tuned, judged = (other, one) if turned else (one, other)
        (distance,) = tuned.distances([profile.operating_rate])
        key, space = [seed, int(turned)], tuned.space()
        scatter, is_weighed = profile.scatter, profile.scatter.norm is not None
        if is_weighed:
            scatter = replace(scatter, norm=tuned.norm)
        given = (judged, space, [scatter], [distance], draws, key)
        shipped.append([part[:, 0, 0] for part in judge(*given)])
        curve.append([part[:, 0, 0] for part in judge(*given, CURVE)])
        accepted.append(1000 * share_accepted(judged, space, distance))
        if choose:
            grid = GRID
            if is_weighed:
                grid += tuple(replace(one, norm=tuned.norm) for one in GRID)
            scatter, rate = best_of(tuned, grid, draws, key)
            found = judge(judged, space, [scatter], tuned.distances([rate]), draws, key)
            chosen.append([part[:, 0, 0] for part in found])
            choices.append([*astuple(scatter), rate])
    document = {
        "photos": len(faces.people),
        "halves": 2 * splits,
        "draws": draws,
        "shipped": table(shipped, SIZES),
        "by_persons": table(curve, CURVE),
        "accepted_of_1000": {"mean": np.mean(accepted), "worst": max(accepted)},
    }
    return document | ({"chosen": table(chosen, SIZES), "choices": choices} if choose else {})


def share_accepted(half: Half, space: Space, distance: float) -> float:
    """The share of pairs of strangers in *half* that are closer than *distance*."""
    rows = np.concatenate(list(half.rows.values()))
    people = [half.faces.people[row] for row in rows]
    _, different = pair_distances(space.unit(half.faces.raw[rows]), people)
    return float((different < distance).mean())


def best_of(
    half: Half, grid: Sequence[Scatter], draws: int, seed: list[int]
) -> tuple[Scatter, float]:
    """Of *grid* and RATES, those with the largest sum of exact counts of the half's own people."""
    exact, _ = judge(half, None, grid, half.distances(RATES), draws, seed)
    scatter, rate = np.unravel_index(exact.sum(axis=0).argmax(), exact.shape[1:])
    return grid[scatter], RATES[rate]


def table(results: Sequence[Any], sizes: Sizes) -> dict[str, Any]:
    """By size: exact per cent, mean and worst, and the mean bias."""
    exact, bias = np.array(results).transpose(1, 2, 0)
    return {
        size: {
            "exact": round(exact[number].mean(), 1),
            "worst": round(exact[number].min(), 1),
            "bias": round(bias[number].mean(), 2),
        }
        for number, size in enumerate(sizes)
    }


def embedded(folder: Path, model: str, data: Path) -> LabelledFaces:
    """The faces of the photos below *folder*."""
    settings = Settings(data=data / model, model=model, settle_seconds=0.0)
    faces = load_labelled(folder, settings, lambda *_: None, threading.Event())
    if faces is None:
        raise SystemExit("stopped")
    return faces


def main() -> None:
    """Print the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default="facenet,mobilefacenet")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--data", type=Path, default=Path("accuracy-data"))
    parser.add_argument("--plots", type=Path)
    given = parser.parse_args()
    compile_now()
    found = {name: embedded(given.folder, name, given.data) for name in given.models.split(",")}
    figures = {
        name: measure(faces, name, given.splits, given.draws, choose=given.choose)
        for name, faces in found.items()
    }
    print(json.dumps(figures, indent=1))
    if given.plots is not None:
        given.plots.mkdir(parents=True, exist_ok=True)
        write_det(given.plots / "det.png", {name: errors(faces) for name, faces in found.items()})
        persons = [persons for persons, _ in CURVE.values()]
        shares = {name: list(figures[name]["by_persons"].values()) for name in found}
        write_persons(given.plots / "persons.png", persons, shares)


def errors(faces: LabelledFaces) -> list[tuple[float, float]]:
    """False match rates, and the share of pairs of one person that are missed at each."""
    strangers = stranger_pairs(faces.raw, faces.people).distances
    space = Half(faces, sorted(set(faces.people))).space()
    same, _ = pair_distances(space.unit(faces.raw), faces.people)
    rates = np.logspace(-5, -1, 60)
    cuts = np.quantile(strangers, rates)
    return [(rate, float((same >= cut).mean())) for rate, cut in zip(rates, cuts, strict=True)]


if __name__ == "__main__":
    main()
