from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from index.base.choices import Linkage
from index.evaluation.evaluation import Evaluation, evaluate
from index.evaluation.plots import write_plots
from index.vectors.space import Profile, Space

DIM = 32
SPACE = Space.calibrated(Profile((0.0,) * DIM, 0.4))


def plots_of(spread: float, folder: Path, sizes: tuple[tuple[int, int], ...]) -> list[Path]:
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.normal(size=(10, DIM)), 5, axis=0)
    raw = (rows + spread * rng.normal(size=rows.shape)).astype(np.float32)
    people = [f"person {number // 5}" for number in range(50)]
    result: Evaluation = evaluate(
        raw, people, SPACE, Linkage.EVIDENCE, 0.2, sizes, 5, 0, lambda *_: None, np.arange(50)
    )
    return write_plots(folder, SPACE.unit(raw), people, SPACE, result)


@pytest.mark.parametrize("spread", [0.1, 1.0], ids=["no errors", "some errors"])
def test_three_plots_are_written_and_can_be_opened(tmp_path: Path, spread: float) -> None:
    written = plots_of(spread, tmp_path / "a" / "plots", ((2, 3), (5, 4)))
    assert sorted(path.name for path in written) == ["counts.png", "det.png", "histogram.png"]
    assert sorted((tmp_path / "a" / "plots").iterdir()) == sorted(written)
    for path in written:
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert image.size == (960, 600)
            assert len(image.convert("RGB").getcolors(100_000) or []) > 10  # something is drawn


def test_plots_replace_those_of_an_earlier_run(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in plots_of(0.3, tmp_path, ((2, 3),))]
    second = [path.read_bytes() for path in plots_of(1.0, tmp_path, ((2, 3),))]
    assert len(list(tmp_path.iterdir())) == 3
    assert all(one != other for one, other in zip(first, second, strict=True))
