"""Converted networks: nothing is sent anywhere (OpenVINO would), and what is kept is checked."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch

from ingest.networks.runtime import OpenVinoNet, cores, kept
from ingest.networks.torch_nets import trace
from tests.ingest.portraits import flip

PROGRAM = """
import socket, sys
import ingest.networks.models, ingest.networks.torch_nets
from openvino.tools.ovc import convert_impl, telemetry_utils
assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub", telemetry_utils.tm
assert convert_impl.tm.__name__ == "openvino.tools.ovc.telemetry_stub", convert_impl.tm
assert not [name for name in sys.modules if name.startswith("openvino_telemetry.")]
"""


@pytest.mark.models
def test_converting_models_reports_nothing_to_anybody() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


SIGNALLED = """
import gc, os, signal
import numpy as np, torch
from ingest.networks.runtime import OpenVinoNet, best_precision
from ingest.networks.torch_nets import trace
pixels = np.ones((1, 2, 2, 3), np.float32)
model = trace(torch.nn.Identity(), torch.from_numpy(pixels), (-1, 2, 2, 3))
nets = [OpenVinoNet(model, precision=best_precision(), streams=1) for _ in range(3)]
got = []
signal.signal(signal.SIGINT, lambda *_: got.append([float(net(pixels)[0].sum()) for net in nets]))
os.kill(os.getpid(), signal.SIGINT)
while nets:
    nets.pop(0)  # in the order in which they came
gc.collect()
os.kill(os.getpid(), signal.SIGINT)
assert got == [[12.0] * 3, []], got
"""


@pytest.mark.models
def test_a_signal_is_handled_after_the_nets_are_gone() -> None:
    """In a process of its own, since pytest has signals handled where it would not be noticed."""
    done = subprocess.run([sys.executable, "-c", SIGNALLED], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


class Doubling(torch.nn.Module):
    """A network of one number, to convert at no cost."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.full((3,), 2.0))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
        return (pixels * self.factor,)


class Heavy(torch.nn.Module):
    """Some work, so that it matters who does it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 64, 9)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.layer(pixels.permute(0, 3, 1, 2)).mean((2, 3)),)


@pytest.mark.models
def test_the_thread_that_calls_a_net_computes_and_more_threads_than_streams_take_turns() -> None:
    shape = (4, 128, 128, 3)
    model = trace(Heavy(), torch.zeros(shape), (-1, *shape[1:]))
    net = OpenVinoNet(model, precision="f32", streams=2)
    pixels = np.random.default_rng(0).random(shape, np.float32)
    (expected,) = net(pixels)

    def call(_: int) -> float:
        before = time.thread_time()
        for _ in range(20):
            (found,) = net(pixels)
            np.testing.assert_array_equal(found, expected)
        return time.thread_time() - before

    before = time.process_time()
    with ThreadPoolExecutor(3) as pool:
        own = sum(pool.map(call, range(3)))
    assert own > 0.5 * (time.process_time() - before)
    assert len(net._idle) <= 2


@pytest.mark.models
def test_a_call_that_fails_keeps_nobody_waiting() -> None:
    model = trace(Doubling(), torch.zeros(2, 2, 2, 3), (-1, 2, 2, 3))
    net = OpenVinoNet(model, precision="f32", streams=1)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            net(np.ones((1, 3, 3, 3), np.float32))
    (found,) = net(np.ones((1, 2, 2, 3), np.float32))
    assert found.max() == 2.0


@pytest.mark.models
def test_converted_models_are_kept_and_made_again_when_tampered_with(tmp_path: Path) -> None:
    built: list[None] = []
    pixels = np.ones((1, 2, 2, 3), np.float32)

    def convert() -> ov.Model:
        built.append(None)
        return trace(Doubling(), torch.zeros(2, 2, 2, 3), (-1, 2, 2, 3))

    def run() -> float:
        model = kept("doubling", convert, tmp_path)
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


@pytest.mark.parametrize(("here", "expected"), [(1, 1), (2, 2), (8, 8), (64, 8)])
def test_no_more_cores_are_used_than_a_batch_can_occupy(
    monkeypatch: pytest.MonkeyPatch, here: int, expected: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(here)))
    assert cores() == expected
