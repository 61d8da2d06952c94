"""A PReLU that an export spells out is joined again, and gives the same numbers."""

from collections.abc import Sequence

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from ingest.networks.prelu import join_prelus
from ingest.networks.runtime import OpenVinoNet

pytestmark = pytest.mark.models

CHANNELS = 4
HALVES = np.array([-0.2, 0.0, 0.05, 0.4], np.float32)


def spelt_out(given: ov.Node, halves: np.ndarray, *, other: bool = False) -> ov.Node:
    """relu(x) + c (x − |x|), its parts in one order or the other."""
    rest = ops.subtract(given, ops.absolute(given))
    factors = [ops.constant(halves), rest]
    scaled = ops.multiply(*(reversed(factors) if other else factors))
    parts = [ops.relu(given), scaled]
    return ops.add(*(reversed(parts) if other else parts))


def outcome(model: ov.Model, pixels: np.ndarray) -> np.ndarray:
    return OpenVinoNet(model, precision="f32", streams=1)(pixels)[0]


def network(shape: Sequence[int], *, other: bool = False) -> ov.Model:
    given = ops.parameter([-1, CHANNELS, 5, 5], np.float32)
    last = spelt_out(given, HALVES.reshape(shape), other=other)
    return ov.Model([ops.result(last)], [given])


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, CHANNELS, 5, 5)).astype(np.float32)


@pytest.mark.parametrize("other", [False, True])
def test_it_gives_the_same_numbers(pixels: np.ndarray, other: bool) -> None:
    plain = outcome(network((1, CHANNELS, 1, 1), other=other), pixels)
    joined = network((1, CHANNELS, 1, 1), other=other)
    assert join_prelus(joined) == 1
    kinds = {node.get_type_name() for node in joined.get_ops()}
    assert "PRelu" in kinds
    assert not kinds & {"Relu", "Abs"}
    np.testing.assert_array_equal(outcome(joined, pixels), plain)
    assert (plain < 0).any()


def test_what_differs_for_each_pixel_is_left_as_it_is() -> None:
    given = ops.parameter([-1, CHANNELS, 5, 5], np.float32)
    halves = np.full((1, CHANNELS, 5, 5), 0.1, np.float32)
    model = ov.Model([ops.result(spelt_out(given, halves))], [given])
    assert join_prelus(model) == 0


def test_what_only_looks_alike_is_left_as_it_is(pixels: np.ndarray) -> None:
    """The two parts are of different values."""
    given = ops.parameter([-1, CHANNELS, 5, 5], np.float32)
    moved = ops.add(given, ops.constant(np.float32(1)))
    rest = ops.subtract(given, ops.absolute(given))
    scaled = ops.multiply(ops.constant(HALVES.reshape(1, CHANNELS, 1, 1)), rest)
    model = ov.Model([ops.result(ops.add(ops.relu(moved), scaled))], [given])
    before = outcome(model, pixels)
    assert join_prelus(model) == 0
    np.testing.assert_array_equal(outcome(model, pixels), before)
