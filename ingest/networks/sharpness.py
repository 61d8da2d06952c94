"""Measures how sharp a crop is."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import laplace

from ingest.interfaces import Crops

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue: ITU-R BT.601


def sharpness(crops: Crops) -> NDArray[np.float64]:
    """Variance of the Laplacian of each crop's grey levels, (n,); a blurred face has a small one.

    J. L. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.
    """
    grey = crops.astype(np.float32) @ LUMA
    return np.array([laplace(one).var() for one in grey], np.float64)
