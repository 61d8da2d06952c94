"""The arrays that modules hand each other; their shapes are said where they are used."""

import numpy as np
from numpy.typing import NDArray

FloatMatrix = NDArray[np.float32]  # vectors of faces, a row each
DoubleVector = NDArray[np.float64]  # what is computed from them in double precision
IntVector = NDArray[np.int64]  # ids, or numbers of rows
