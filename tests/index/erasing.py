"""A library from which a test forgets photos, and what is left of their vectors."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.base.paths import Roots
from index.database.engine import Database
from index.upkeep import erasure_proof, forget
from index.upkeep.erasure import Erased
from index.upkeep.forget import Forgotten
from index.vectors import snapshot_writer
from index.vectors.space import Space
from tests.index.builders import quiet
from tests.ingest.builders import Ingest
from tests.spaces import UNMEASURED

SPACE = Space.calibrated(UNMEASURED)


class Home(Ingest):
    """An ingest with hands to forget."""

    @property
    def data(self) -> Path:
        return self.settings.data

    def snapshot(self) -> None:
        snapshot_writer.write_snapshot(self.database, self.generation.id, SPACE, 1.0)

    def forget(self, *names: str) -> Forgotten:
        paths = [self.inbox / name for name in names]
        return forget.forget(self.database, self.data, Roots([self.inbox]), paths, quiet)

    def allow(self, *names: str) -> int:
        paths = [self.inbox / name for name in names]
        return forget.allow(self.database, self.data, Roots([self.inbox]), paths, quiet)

    def remains(self, erased: Erased) -> list[Path]:
        return erasure_proof.remains(self.database, self.data, erased.pieces, quiet)

    def bytes_of(self) -> bytes:
        """All that the data folder holds."""
        return b"".join(path.read_bytes() for path in self.data.rglob("*") if path.is_file())


def pragma(database: Database, text: str) -> None:
    """Set something on the writer's one connection."""
    raw = database._writer.raw_connection()
    raw.cursor().execute(f"PRAGMA {text}")
    raw.close()


def parts(vector: NDArray[np.float32]) -> list[bytes]:
    """Raw and unit vectors as bytes, in quarters: a page may cut one in two."""
    raw = vector.reshape(1, -1)
    return [
        whole[start : start + 512]
        for whole in (raw.astype("<f4").tobytes(), SPACE.unit(raw).astype("<f4").tobytes())
        for start in range(0, 2048, 512)
    ]
