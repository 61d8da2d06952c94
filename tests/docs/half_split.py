"""Half of LFW's people counted with what the other half gives, as docs/accuracy.md describes it."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from index.base.arrays import IntVector
from index.base.choices import Linkage, Split
from index.base.settings import Settings
from index.counting.explanation import INTERVAL_SHARE
from index.counting.face_set import FaceSet
from index.counting.grouping import persons
from index.counting.hierarchy import hierarchy
from index.evaluation.evaluation import calibrate
from index.evaluation.measures import CountQuality, LabelledFaces, draw, of_half, quality
from index.vectors.space import Space, shipped_profile
from ingest.jobs.labelled import load_labelled

MISLABELLED = frozenset({"Mahmoud_Abbas_0012.jpg", "Michael_Schumacher_0008.jpg"})
DRAWS = 500
# processors compute the networks in other precisions, which moves a few of 500 draws
POINTS, ERROR = 2.0, 0.06


def labelled_faces(
    photos: Path, data: Path, model: str, without: frozenset[str] = frozenset()
) -> LabelledFaces:
    """LFW's faces below *photos*, embedded once for each *data* folder."""
    settings = Settings(data=data, model=model, settle_seconds=0.0)
    faces = load_labelled(
        photos / "lfw", settings, lambda *_: None, threading.Event(), without=without
    )
    assert faces is not None
    return faces


class Judged:
    """Half B in the space that half A gives."""

    def __init__(self, faces: LabelledFaces, model: str) -> None:
        tuned, half = of_half(faces, Split.A, 0), of_half(faces, Split.B, 0)
        shipped = shipped_profile(model, faces.raw.shape[1])
        self.space = Space.calibrated(calibrate(tuned.raw, tuned.people, 0, shipped))
        self.people: Sequence[str] = half.people
        self.faces = FaceSet.of_raw(half.raw, half.photos, self.space)

    def quality(self, size: tuple[int, int], linkage: Linkage, draws: int = DRAWS) -> CountQuality:
        """How good the counts of *draws* questions of one *size* are."""
        cut = self.space.cut(0.2)

        def count(rows: IntVector) -> int:
            return int(persons(self.faces[rows], cut, linkage).max()) + 1

        return quality(count, self.people, draw(self.people, *size, draws, 0))

    def held(self, size: tuple[int, int]) -> float:
        """In how many of 100 draws the interval holds the true number."""
        names, held = np.array(self.people), 0
        near = [0.2 * (1 + share) for share in (INTERVAL_SHARE, -INTERVAL_SHARE)]
        for rows in draw(self.people, *size, DRAWS, 0):
            tree = hierarchy(self.faces[rows], Linkage.EVIDENCE)
            low, high = (tree.persons_at(1 - self.space.cut(at)) for at in near)
            held += low <= len(set(names[rows].tolist())) <= high
        return 100 * held / DRAWS
