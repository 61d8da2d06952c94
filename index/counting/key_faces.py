"""Chooses which faces of a photo count: the key ones, all, or the most prominent."""

from collections.abc import Sequence

from index.base.choices import FaceChoice
from index.database.queries.faces import FaceRow

KEY_PROBABILITY = 0.9
# Measured on half A of the people, see docs/accuracy.md: what is left of a face that lies farther
# outside its photo often founds a person of its own.
CUT_OFF_SHARE = 0.4  # of its box's area
KEY_HEIGHT_SHARE = 0.5  # of the height of the image's largest probable face


def height(face: FaceRow) -> float:
    """The longer side of the face's box in pixels.

    A face is taller than wide, also one that lies on its side.
    """
    return max(face.box[2] - face.box[0], face.box[3] - face.box[1])


def is_cut_off(box: tuple[float, float, float, float], image_size: tuple[int, int]) -> bool:
    """Whether more than CUT_OFF_SHARE of a face's box lies beyond the edges of its photo.

    Args:
        box: x1, y1, x2, y2 in pixels.
        image_size: width and height in pixels.
    """
    x1, y1, x2, y2 = box
    width_px, height_px = image_size
    if x1 >= 0 and y1 >= 0 and x2 <= width_px and y2 <= height_px:
        return False
    wide = max(min(x2, width_px) - max(x1, 0.0), 0.0)
    high = max(min(y2, height_px) - max(y1, 0.0), 0.0)
    return wide * high < (1 - CUT_OFF_SHARE) * (x2 - x1) * (y2 - y1)


def prominence(face: FaceRow) -> float:
    """Area minus twice the squared distance of the face's centre from the image's, in pixels².

    facenet finds the "largest and most central" face by it (davidsandberg/facenet,
    align_dataset_mtcnn.py).
    """
    x1, y1, x2, y2 = face.box
    width_px, height_px = face.image_size
    off = ((x1 + x2 - width_px) / 2) ** 2 + ((y1 + y2 - height_px) / 2) ** 2
    return (x2 - x1) * (y2 - y1) - 2 * off


def why_left_out(faces: Sequence[FaceRow], choice: FaceChoice) -> dict[int, str]:
    """The faces that do not count under *choice*, by id, with the reason in a few words.

    Args:
        faces: of any number of images; each image is judged by itself.
    """
    if choice is FaceChoice.KEY:
        return _not_key(faces)
    return _not_most_prominent(faces) if choice is FaceChoice.ONE else {}


def _not_most_prominent(faces: Sequence[FaceRow]) -> dict[int, str]:
    chosen: dict[int, FaceRow] = {}
    for face in faces:
        other = chosen.setdefault(face.image_id, face)
        if (prominence(face), -face.id) > (prominence(other), -other.id):
            chosen[face.image_id] = face
    return {f.id: "not the most prominent face" for f in faces if f is not chosen[f.image_id]}


def _not_key(faces: Sequence[FaceRow]) -> dict[int, str]:
    # an improbable face, often a mere pattern, must not make the real faces count as small, nor
    # must the rest of one that is cut off
    reasons = {face.id: reason for face in faces if (reason := _doubt(face)) is not None}
    whole = [(face, height(face)) for face in faces if face.id not in reasons]
    tallest: dict[int, float] = {}
    for face, own in whole:
        tallest[face.image_id] = max(tallest.get(face.image_id, 0.0), own)
    for face, own in whole:
        if own < KEY_HEIGHT_SHARE * tallest[face.image_id]:
            reasons[face.id] = "small"
    return reasons


def _doubt(face: FaceRow) -> str | None:
    """Why a face tells nobody, whatever other faces its photo has."""
    if face.probability < KEY_PROBABILITY:
        return "improbable"
    return "cut off" if is_cut_off(face.box, face.image_size) else None
