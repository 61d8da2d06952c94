"""Cuts faces out of photos for people to look at: a child process that takes orders over a pipe.

The service starts it. It reads a file, checks that it is the indexed one, and gives it to a
confined decoder like ingest's; it parses no byte of it itself. It answers each order with a JPEG,
or with the reason why there is none. It keeps nothing and writes nothing to disk.
"""

import hashlib
import logging
import math
from io import BytesIO
from typing import BinaryIO

import numpy as np
from PIL import Image

from index.base import messages
from index.base.errors import IngestError, UnreadableImageError, UnsettledFileError
from index.database.queries.browse import Box
from index.library.picture_orders import Outcome, PictureOrder
from ingest.decoding.decoder_pool import Decoder, Decoders
from ingest.decoding.reading import read_settled
from ingest.interfaces import RgbImage

log = logging.getLogger(__name__)

FACE_EDGE_PX = 160
FACE_FRAME = 1.5  # side of the square around a face, in longer sides of its box
PHOTO_EDGE_PX = 1600
QUALITY = 85


def serve_pictures(orders: BinaryIO, answers: BinaryIO, decoders: Decoders | None = None) -> None:
    """Answer *orders* until their pipe is closed; its first message holds the limits."""
    first = messages.read(orders)
    if first is None:
        return
    decoders = decoders or Decoders()
    max_bytes, max_megapixels = first[0]["max_file_bytes"], first[0]["max_megapixels"]
    decoders.prepare(1, max_megapixels)
    _send(answers, messages.pack({"ready": True}))
    while (message := messages.read(orders)) is not None:
        order = PictureOrder.from_head(message[0])
        with decoders.decoder(max_megapixels) as decoder:
            _send(answers, _answer(order, decoder, max_bytes))
    decoders.close()


def _send(answers: BinaryIO, message: bytes) -> None:
    answers.write(message)
    answers.flush()


def _answer(order: PictureOrder, decoder: Decoder, max_bytes: int) -> bytes:
    try:
        jpeg = make_picture(order, decoder, max_bytes)
    except IngestError as error:
        log.warning("pictures.failed reason=%s", error)
        return messages.pack({"outcome": Outcome.FAILED})
    return messages.pack({"outcome": Outcome.GONE if jpeg is None else Outcome.MADE}, jpeg or b"")


def make_picture(order: PictureOrder, decoder: Decoder, max_bytes: int) -> bytes | None:
    """The picture as a JPEG without metadata; None when the file no longer holds that photo.

    Raises:
        UnreadableImageError: the photo is there, but decoding it fails or needs too much.
        DecoderUnavailableError: no process can be started to decode it in.
        OutOfResourcesError: no memory or file handles are left to read it.
    """
    try:
        data = read_settled(order.path, order.root, order.signature, max_bytes)
    except (FileNotFoundError, UnsettledFileError, UnreadableImageError):
        return None
    if hashlib.sha256(data).hexdigest() != order.sha256:
        return None
    pixels, size, _ = decoder.decode(data, _edge_needed(order))
    if size != order.size:
        return None
    if order.box is None:
        return _encode(pixels, PHOTO_EDGE_PX)
    height, width = pixels.shape[:2]
    left, top, right, bottom = _frame(order.box, size)
    x, y = width / size[0], height / size[1]
    columns = slice(math.floor(left * x), max(math.ceil(right * x), math.floor(left * x) + 1))
    rows = slice(math.floor(top * y), max(math.ceil(bottom * y), math.floor(top * y) + 1))
    return _encode(np.rot90(pixels[rows, columns], order.turn), FACE_EDGE_PX)


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
