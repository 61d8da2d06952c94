"""Chooses which faces of a photo count: the key ones, all, or the most prominent."""

from collections.abc import Sequence

from index.base.choices import FaceChoice
from index.database.queries.faces import FaceRow

KEY_PROBABILITY = 0.9
KEY_HEIGHT_SHARE = 0.5  # of the height of the image's largest probable face


def height(face: FaceRow) -> float:
    """The longer side of the face's box in pixels.

    A face is taller than wide, also one that lies on its side.
    """
    return max(face.box[2] - face.box[0], face.box[3] - face.box[1])


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
    # an improbable face, often a mere pattern, must not make the real faces count as small
    heights = [height(face) if face.probability >= KEY_PROBABILITY else None for face in faces]
    tallest: dict[int, float] = {}
    for face, own in zip(faces, heights, strict=True):
        if own is not None:
            tallest[face.image_id] = max(tallest.get(face.image_id, 0.0), own)
    reasons: dict[int, str] = {}
    for face, own in zip(faces, heights, strict=True):
        if own is None:
            reasons[face.id] = "improbable"
        elif own < KEY_HEIGHT_SHARE * tallest[face.image_id]:
            reasons[face.id] = "small"
    return reasons
