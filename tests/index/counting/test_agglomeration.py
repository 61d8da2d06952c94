"""Merging without and with compiling: the same merges, and the right one of the two is taken."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from index.counting import agglomeration
from index.counting.agglomeration import HANDFUL, compile_now, merges_of
from index.counting.formula import Formula
from index.counting.weights import STEPS

FORMULA = Formula(r=4.0, k=30.0, stray=0.3, farthest=1.0)
WEIGHED = FORMULA._replace(parts=STEPS)

# nothing may be compiled before, so this runs in a process of its own
COUNTS_A_HANDFUL = """
import sys
import numpy as np
from index.counting.agglomeration import HANDFUL, merges_of
from index.counting.formula import Formula
merges_of(np.eye(HANDFUL, dtype=np.float32), Formula(4.0, 30.0, 0.3, 1.0), 0.0)
print("numba" in sys.modules)
"""


def dots_of(seed: int, count: int) -> NDArray[np.float32]:
    """The dot products of noisy faces of a few persons."""
    random = np.random.default_rng(seed)
    persons = random.normal(size=(5, 16))
    vectors = persons[random.integers(5, size=count)] + random.normal(size=(count, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors @ vectors.T, np.float32)


@pytest.mark.parametrize("count", [1, 2, 7, HANDFUL, 3 * HANDFUL])
@pytest.mark.parametrize("seed", range(5))
def test_compiled_merges_are_equal_to_the_last_bit(seed: int, count: int) -> None:
    dots = dots_of(seed, count)
    weights = np.random.default_rng(seed).integers(4, 32, size=count)
    for formula, given in ((FORMULA, None), (WEIGHED, weights)):
        plain, compiled = (
            merges_of(dots.copy(), formula, 0.0, given, merge_all)
            for merge_all in (agglomeration._plain(), agglomeration._compiled())
        )
        for one, other in zip(plain, compiled, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seed", range(5))
def test_faces_of_the_usual_weight_are_merged_as_faces_without_weights(seed: int) -> None:
    usual = np.full(60, STEPS)
    without = merges_of(dots_of(seed, 60), FORMULA, 0.0)
    weighed = merges_of(dots_of(seed, 60), WEIGHED, 0.0, usual)
    for one, other in zip(without, weighed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_handful_is_merged_without_compiling() -> None:
    command = [sys.executable, "-c", COUNTS_A_HANDFUL]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_once_compiled_a_handful_is_merged_by_what_was_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compile_now()
    monkeypatch.setattr(agglomeration, "_plain", lambda: pytest.fail("not the compiled one"))
    merges_of(dots_of(0, 2), FORMULA, 0.0)
