"""Compares the library with the profile in use, now and then: does 0.2 mean here what it should?"""

import logging

from index.base.errors import StoreError, StoreUnavailableError
from index.database.engine import Database
from index.database.queries import analyses, changelog, generations
from index.database.queries.generations import GenerationRow
from index.evaluation.library_fit import MOST_FACES, library_fit
from index.library.key_face_sample import sample_key_faces
from index.vectors.space import Profile

log = logging.getLogger(__name__)

GROWTH = 1.2  # of the changelog; so few comparisons fall to a library, however it grows
LEAST_CHANGES = 50


class FitWatch:
    """Remembers what was compared last. A comparison takes half a second; no answer waits.

    Attributes:
        found: what came of it, for reports; None if it cannot be told.
        generation: which one was compared, with its profile then; None before there is one.
        faces: how many it had.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._next_change = 0
        self.found: dict[str, object] | None = None
        self.generation: GenerationRow | None = None
        self.faces = 0

    @property
    def is_doubtful(self) -> bool:
        """Whether 0.2 does not mean here what it was measured to mean."""
        return self.found is not None and bool(self.found["doubtful"])

    def look_if_due(self) -> None:
        """Compare again if the library has grown by a fifth, or the profile is another.

        Raises:
            StoreUnavailableError: the disk is full or fails.
        """
        with self._database.read() as connection:
            active = generations.active(connection)
            if active is None:
                return
            newest = changelog.newest_change(connection, active.id)
            if active == self.generation and newest < self._next_change:
                return
            profile = Profile.from_json(active.profile)
            self.generation, self.found = active, None
            self.faces = analyses.totals(connection, active.id)["faces"]
            self._next_change = max(int(newest * GROWTH), newest + LEAST_CHANGES)
            try:
                raw, photos = sample_key_faces(connection, active.id, MOST_FACES)
            except StoreUnavailableError:
                raise
            except StoreError as error:
                log.error("ingest.fit_failed reason=%s", error)  # noqa: TRY400 - no traceback
                return
        fit = library_fit(raw, photos, profile)
        if fit is not None:
            self.found = {**fit.to_document(), "version": profile.version}
            tell = log.warning if fit.is_doubtful else log.info
            tell(
                "ingest.profile_fit doubtful=%s departure=%.1f strangers_accepted=%.4f",
                *(fit.is_doubtful, fit.departure, fit.strangers_accepted),
            )
