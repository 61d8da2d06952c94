"""Arrays that modules hand each other: their types, and the length of a vector.

The functions that use them state the shapes.
"""

import numpy as np
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float32]  # vectors of faces, one per row
FloatVector = NDArray[np.float32]  # one of them
DoubleVector = NDArray[np.float64]  # numbers computed from them, in double precision
IntVector = NDArray[np.int64]  # ids, or numbers of rows


def length(raw: FloatVector) -> float:
    """The L2 norm of a vector (d,), computed in double precision; migration 0016 does the same."""
    return float(np.linalg.norm(raw.astype(np.float64)))
