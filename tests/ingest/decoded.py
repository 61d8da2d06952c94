"""What a decoded image is compared with, and a refused one is asked."""

import numpy as np
import pytest

from index.base.errors import UnreadableImageError
from ingest.decoding.pixels import decode
from tests.ingest.samples import Pixels

LIMIT = 50  # megapixels


def close_to(found: Pixels, expected: Pixels, most: int) -> None:
    assert found.shape == expected.shape
    difference = np.abs(found.astype(int) - expected.astype(int))
    assert difference.max() <= most, f"differs by up to {difference.max()}"


def refused(data: bytes, limit: int = LIMIT) -> UnreadableImageError:
    with pytest.raises(UnreadableImageError) as caught:
        decode(data, limit)
    assert "\n" not in str(caught.value)
    return caught.value
