"""Decodes photos no larger than detection needs, and in full where the crops of faces need it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ingest.decoding.crops import FaceCrops, crop_boxes, cut_faces
from ingest.decoding.decoder_pool import Decoder
from ingest.interfaces import CROP_PX, Box, DetectedFace, Framing, RgbImage

DECODE_EDGE_PX = 2000  # how far a JPEG is halved, quartered …; see share_for
# smallest crop before scaling, as a multiple of its edge, that keeps cos > 0.999 to one of the
# full photo
SHARP = 2


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo, perhaps reduced.

    Attributes:
        data: the file's bytes.
        full_size: width and height of the file's image, upright, in pixels.
        is_cut_off: see cut_off.with_end.
    """

    data: bytes
    pixels: RgbImage
    full_size: tuple[int, int]
    is_cut_off: bool = False

    @property
    def ratio(self) -> tuple[float, float]:
        """File pixels for each decoded pixel, (x, y); (1, 1) unless reduced."""
        height, width = self.pixels.shape[:2]
        return self.full_size[0] / width, self.full_size[1] / height


def open_photo(data: bytes, decoder: Decoder) -> Photo:
    """Decode a file's bytes as far as detection needs; errors as in Decoder.decode."""
    return Photo(data, *decoder.decode(data, DECODE_EDGE_PX))


def sharp_crops(
    photo: Photo, faces: Sequence[DetectedFace], framing: Framing, decoder: Decoder
) -> FaceCrops:
    """Crops of *faces*, which are in pixels of photo.pixels.

    If the photo was reduced so far that a crop would lose detail, it is decoded in full; errors as
    in Decoder.decode.
    """
    height, width = photo.pixels.shape[:2]
    if photo.full_size == (width, height) or not faces:
        return cut_faces(photo.pixels, faces, framing)
    corners = crop_boxes([face.box for face in faces], width, height)
    least = SHARP * max(CROP_PX, framing.edge_px)
    if (corners[:, 2:] - corners[:, :2]).min() >= least:
        return cut_faces(photo.pixels, faces, framing)
    return decoder.crops(photo.data, [in_file_pixels(face, photo) for face in faces], framing)


def _scaled(box: Box, ratio: tuple[float, float]) -> Box:
    x, y = ratio
    return box[0] * x, box[1] * y, box[2] * x, box[3] * y


def in_file_pixels(face: DetectedFace, photo: Photo) -> DetectedFace:
    """A face found in photo.pixels, in pixels of the file's image."""
    points = (np.array(face.landmarks) * photo.ratio).tolist()
    landmarks = tuple((float(x), float(y)) for x, y in points)
    return DetectedFace(_scaled(face.box, photo.ratio), face.probability, landmarks)
