"""The types of arrays that modules hand each other; the functions using them state the shapes."""

import numpy as np
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float32]  # vectors of faces, one per row
FloatVector = NDArray[np.float32]  # one of them
DoubleVector = NDArray[np.float64]  # numbers computed from them, in double precision
IntVector = NDArray[np.int64]  # ids, or numbers of rows
