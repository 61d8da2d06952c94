"""Orders for pictures of faces and photos. The service opens no image: ingest fills the orders."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from index.base.messages import Head
from index.base.paths import Finder, Roots, Signature
from index.database.engine import Database
from index.database.queries import browse
from index.database.queries.files import files_of
from index.library.holders import holders


class Outcome(StrEnum):
    """What became of an order."""

    MADE = "made"
    GONE = "gone"  # the file no longer holds that photo
    FAILED = "failed"  # it does, but no picture could be made of it


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """Asks for a face cut out of a file, or for the whole photo made small.

    Attributes:
        path: absolute and real, below *root*.
        signature: the file must have it before and after it is read.
        sha256: the content must have it; hexadecimal.
        size: width and height of the upright photo, in pixels.
        box: the face's x1, y1, x2, y2 in those pixels; None for the whole photo.
        turn: the quarter turns anticlockwise that bring the face upright, 0 to 3; 0 for the whole
            photo, which is shown as it is.
    """

    path: str
    root: str
    signature: Signature
    sha256: str
    size: tuple[int, int]
    box: browse.Box | None
    turn: int = 0

    def to_head(self) -> Head:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_head(cls, head: Head) -> Self:
        """Read the result of to_head()."""
        box = head["box"] and tuple(head["box"])
        signature = Signature(*head["signature"])  # asdict() leaves a NamedTuple a tuple
        size = (head["size"][0], head["size"][1])
        return cls(head["path"], head["root"], signature, head["sha256"], size, box, head["turn"])


def order_for(
    database: Database, roots: Roots, face_id: int, *, whole: bool
) -> PictureOrder | None:
    """The order for a face's picture, or with *whole* for that of its photo.

    Each request looks it up anew, so that no photo is shown that was forgotten, deleted or
    replaced.

    Returns: None when there is no such face, or no file below the roots holds it any more.
    """
    with database.read() as connection:
        place = browse.face_place(connection, face_id)
        files = [] if place is None else files_of(connection, place.image_id)
    if place is None:
        return None
    file = next(holders(Finder(roots), files), None)
    if file is None:
        return None
    root = roots.root_of(file.path)
    box, turn = (None, 0) if whole else (place.box, place.turn)
    return PictureOrder(file.path, root, file.signature, place.sha256.hex(), place.size, box, turn)
