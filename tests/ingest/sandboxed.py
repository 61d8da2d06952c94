"""A decoder in its sandbox: whether it is well, which process it is, what it refuses."""

import numpy as np
import pytest
from PIL import Image

from index.base.errors import UnreadableImageError
from ingest.decoding.decoder_pool import Decoder
from tests.ingest.samples import encoded, scene

LIMIT = 10  # megapixels
PHOTO = encoded(Image.fromarray(scene()), "PNG")
HOSTILE = "tests.ingest.hostile_decoder"


def reason(decoder: Decoder, data: bytes, *, for_good: bool = True) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        decoder.decode(data, None)
    assert caught.value.maybe_partial is not for_good
    return str(caught.value)


def is_well(decoder: Decoder) -> bool:
    found, size, _ = decoder.decode(PHOTO, None)
    return size == (64, 48) and np.array_equal(found, scene())


def pid(decoder: Decoder) -> int:
    assert decoder.sandbox is not None
    return decoder.sandbox._process.pid
