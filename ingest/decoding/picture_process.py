"""Cuts faces out of photos for people to look at: a child process that takes orders over a pipe.

The service starts it. It answers each order with a JPEG or with nothing. It keeps nothing and
writes nothing to disk.
"""

import hashlib
import math
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from index.base import messages
from index.base.errors import IngestError
from index.database.queries.browse import Box
from index.library.picture_orders import PictureOrder
from ingest.decoding.confinement import confine, grant_processor
from ingest.decoding.pixels import MEGA, decode_reduced
from ingest.decoding.reading import read_settled
from ingest.interfaces import RgbImage

FACE_EDGE_PX = 160
FACE_FRAME = 1.5  # side of the square around a face, in longer sides of its box
PHOTO_EDGE_PX = 1600
QUALITY = 85
BYTES_A_PIXEL = 32  # four copies at four bytes a pixel; doubled to be safe
SPARE_BYTES = 512 << 20
OPEN_FILES = 32
PROCESSOR_SECONDS = 20  # for one picture


def serve_pictures(orders: BinaryIO, answers: BinaryIO) -> None:
    """Answer *orders* until their pipe is closed; the first message holds the limits."""
    first = messages.read(orders)
    if first is None:
        return
    max_bytes, max_megapixels = first[0]["max_file_bytes"], first[0]["max_megapixels"]
    Image.init()  # imports Pillow's plugins now; later there might be too little memory for that
    confine(SPARE_BYTES + max_bytes + BYTES_A_PIXEL * MEGA * max_megapixels, open_files=OPEN_FILES)
    _send(answers, messages.pack({"ready": True}))
    while (message := messages.read(orders)) is not None:
        grant_processor(PROCESSOR_SECONDS)
        jpeg = make_picture(PictureOrder.from_head(message[0]), max_bytes, max_megapixels)
        _send(answers, messages.pack({"found": jpeg is not None}, jpeg or b""))


def _send(answers: BinaryIO, message: bytes) -> None:
    answers.write(message)
    answers.flush()


def make_picture(order: PictureOrder, max_bytes: int, max_megapixels: int) -> bytes | None:
    """The picture as a JPEG without metadata; None when the file no longer holds that photo.

    Raises:
        MemoryError: the photo needs more memory than there is; this does not mean it is gone.
    """
    try:
        data = read_settled(order.path, order.root, order.signature, max_bytes)
        if hashlib.sha256(data).hexdigest() != order.sha256:
            return None
        pixels, size = decode_reduced(data, max_megapixels, _edge_needed(order))
    except (FileNotFoundError, IngestError):
        return None
    if size != order.size:
        return None
    if order.box is None:
        return _encode(pixels, PHOTO_EDGE_PX)
    height, width = pixels.shape[:2]
    left, top, right, bottom = _frame(order.box, size)
    x, y = width / size[0], height / size[1]
    columns = slice(math.floor(left * x), max(math.ceil(right * x), math.floor(left * x) + 1))
    rows = slice(math.floor(top * y), max(math.ceil(bottom * y), math.floor(top * y) + 1))
    return _encode(pixels[rows, columns], FACE_EDGE_PX)


def _edge_needed(order: PictureOrder) -> int:
    """The shortest that the photo's longest edge may become for the picture to be sharp, in px."""
    if order.box is None:
        return PHOTO_EDGE_PX
    left, top, right, bottom = _frame(order.box, order.size)
    return math.ceil(max(order.size) * FACE_EDGE_PX / max(right - left, bottom - top, 1.0))


def _frame(box: Box, size: tuple[int, int]) -> Box:
    """A square around a face, moved into the photo, and cut off where it is larger than it."""
    side = FACE_FRAME * max(box[2] - box[0], box[3] - box[1], 1.0)
    left, right = _span((box[0] + box[2]) / 2, side, size[0])
    top, bottom = _span((box[1] + box[3]) / 2, side, size[1])
    return left, top, right, bottom


def _span(centre: float, side: float, most: int) -> tuple[float, float]:
    first = min(max(centre - side / 2, 0.0), max(most - side, 0.0))
    return first, min(first + side, float(most))


def _encode(pixels: RgbImage, edge_px: int) -> bytes:
    image = Image.fromarray(pixels)
    image.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS, reducing_gap=2.0)
    made = BytesIO()
    image.save(made, "JPEG", quality=QUALITY)
    return made.getvalue()
