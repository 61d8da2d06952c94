"""Converted networks: nothing is sent anywhere (OpenVINO would), and what is kept is checked."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ingest.nets import OpenVinoNet, converted
from tests.ingest.portraits import flip

PROGRAM = """
import socket, sys
import ingest.models
from openvino.tools.ovc import convert_impl, telemetry_utils
assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub", telemetry_utils.tm
assert convert_impl.tm.__name__ == "openvino.tools.ovc.telemetry_stub", convert_impl.tm
assert not [name for name in sys.modules if name.startswith("openvino_telemetry.")]
"""


@pytest.mark.models
def test_converting_models_reports_nothing_to_anybody() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


class Doubling(torch.nn.Module):
    """A network of one number, to convert at no cost."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.full((3,), 2.0))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
        return (pixels * self.factor,)


@pytest.mark.models
def test_converted_models_are_kept_and_made_again_when_tampered_with(tmp_path: Path) -> None:
    built: list[None] = []
    pixels = np.ones((1, 2, 2, 3), np.float32)

    def build() -> torch.nn.Module:
        built.append(None)
        return Doubling()

    def run() -> float:
        model = converted("doubling", build, torch.zeros(2, 2, 2, 3), (-1, 2, 2, 3), tmp_path)
        (found,) = OpenVinoNet(model, precision="f32", streams=1)(pixels)
        return float(found.mean())

    assert run() == run() == 2.0
    assert len(built) == 1
    assert {path.suffix for path in tmp_path.iterdir()} == {".xml", ".bin", ".sha256"}
    for number, suffix in enumerate((".bin", ".xml", ".sha256"), start=2):
        (path,) = tmp_path.glob(f"*{suffix}")
        flip(path, at=0)
        assert run() == 2.0
        assert len(built) == number
    for number, suffix in enumerate((".bin", ".xml", ".sha256"), start=5):
        (path,) = tmp_path.glob(f"*{suffix}")
        path.unlink()
        assert run() == 2.0
        assert len(built) == number
