"""Compiles functions with numba, and makes room for their results.

Importing this takes a third of a second: do it when needed.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function, compiled at its first call, and then without Python's lock."""
    return cast("Function", njit(nogil=True, error_model="numpy")(function))


def part(function: Function) -> Function:
    """A function that only compiled ones call: Python cannot, which takes less time to compile."""
    made = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
    return cast("Function", made(function))


def sum_part(function: Function) -> Function:
    """The same; sums may be computed in any order, so that the processor adds several at once."""
    made = njit(nogil=True, fastmath=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    return cast("Function", made(function))


def longer(column: NDArray[Any]) -> NDArray[Any]:
    """The same numbers (n,), with room for as many more."""
    room = np.empty(2 * len(column), column.dtype)
    room[: len(column)] = column
    return room
