"""Figures of docs/accuracy.md about mobilefacenet, measured again; those of facenet are beside it.

They have a file of their own, so that they run beside the others.
"""

import re
from pathlib import Path

import pytest

from index.base.choices import Linkage
from index.evaluation.measures import SIZES
from ingest.networks.recogniser import describe
from tests.docs.half_split import ERROR, MISLABELLED, POINTS, Judged, labelled_faces
from tests.mobilefacenet import fetch_or_skip

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "accuracy.md").read_text("utf-8")
PROSE = " ".join(PAGE.split())


@pytest.mark.models
@pytest.mark.timeout(600)
def test_counts_of_people_never_tuned_on_are_as_exact_as_the_page_says(
    faces_folder: Path, tmp_path: Path
) -> None:
    told = re.search(
        r"`mobilefacenet` gives ([\d(). and,]+) there, and ([\d(). and,]+) without", PROSE
    )
    assert told
    fetch_or_skip(describe("mobilefacenet"), tmp_path / "weights")
    for text, without in zip(told.groups(), (frozenset[str](), MISLABELLED), strict=True):
        figures = re.findall(r"(\d+) \((\d\.\d\d)\)", text)
        faces = labelled_faces(faces_folder, tmp_path, "mobilefacenet", without)
        judged = Judged(faces, "mobilefacenet")
        for size, (exact, error) in zip(SIZES, figures, strict=True):
            found = judged.quality(size, Linkage.EVIDENCE)
            assert 100 * found.exact == pytest.approx(float(exact), abs=POINTS), size
            assert found.mean_error == pytest.approx(float(error), abs=ERROR), size
