"""Calibrates the library without labels where its profile does not fit; setting calibrate.

FitWatch says whether it fits. From each of SIZES on there is one calibration, by ingest or by the
operator: what the operator chose or took back at a size stands until the next. That is remembered
with the profile, so a calibration that was broken off begins anew with the next start, and one that
was done does not.
"""

import logging
import threading

from index.base.choices import Calibrate, DistanceScale
from index.base.errors import StoreError, StoreUnavailableError
from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import generations, queue
from index.database.queries.generations import GenerationRow
from index.evaluation.self_calibration import MOST_FACES, UntrustedError, self_calibrate
from index.library.calibration import INGEST, REFUSED, UNCHANGED, WITHOUT_LABELS, choose
from index.library.key_face_sample import sample_key_faces
from index.vectors.space import Profile, shipped_profile
from ingest.jobs.fit_watch import FitWatch

log = logging.getLogger(__name__)

SIZES = (100, 1_000, 10_000)  # faces


class _StoppedError(Exception):
    """Ingest ends."""


class AutomaticCalibration:
    """Works in a thread of its own, when no photo waits; close() joins it."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        # on the plain scale 0.2 was never promised to mean anything
        self._is_wanted = (
            settings.calibrate is Calibrate.AUTOMATIC
            and settings.distance is DistanceScale.CALIBRATED
        )
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failed: GenerationRow | None = None

    def begin_if_due(self, watch: FitWatch) -> None:
        """Begin if the library has reached a size at which its profile does not fit.

        Raises:
            StoreUnavailableError: the disk is full or fails.
        """
        generation = watch.generation
        if not self._is_wanted or generation is None or not watch.is_doubtful:
            return
        if self._thread is not None and self._thread.is_alive():
            return
        if generation == self._failed or not is_due(generation, watch.faces):
            return
        with self._database.read() as connection:
            if queue.counts(connection)["pending"]:
                return
        self._thread = threading.Thread(target=self._run, args=(generation,), name="calibration")
        self._thread.start()

    def close(self) -> None:
        """Give it up; harmless when called again."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, generation: GenerationRow) -> None:
        try:
            self._calibrate(generation)
        except (_StoppedError, StoreUnavailableError):
            return  # it begins anew, at the latest after the next start
        except StoreError as error:
            self._failed = generation
            log.error("ingest.calibration_failed reason=%s", error)  # noqa: TRY400 - no traceback
        except Exception:
            self._failed = generation  # or it would fail every few seconds
            log.exception("ingest.calibration_failed")

    def _calibrate(self, generation: GenerationRow) -> None:
        with self._database.read() as connection:
            raw, photos = sample_key_faces(connection, generation.id, MOST_FACES)
        used = Profile.from_json(generation.profile)
        shipped = shipped_profile(generation.model, raw.shape[1])
        try:
            found = self_calibrate(raw, photos, shipped, self._go_on)
        except UntrustedError as error:
            self._keep(generation, used, REFUSED.format(reason=error))
            return
        if found.profile.version == used.version:
            self._keep(generation, used, UNCHANGED)
        else:
            self._keep(generation, found.profile.after(used), WITHOUT_LABELS)

    def _keep(self, generation: GenerationRow, profile: Profile, outcome: str) -> None:
        """Store it, unless the operator, a re-index or another process was faster."""
        with self._database.write() as connection:
            if self._stop.is_set() or generations.active(connection) != generation:
                return
            faces = choose(connection, generation, profile, INGEST, outcome).faces
        distance = profile.operating_distance
        log.info("ingest.calibration faces=%d distance=%.4f outcome=%s", faces, distance, outcome)

    def _go_on(self, _done: int, _of: int) -> None:
        if self._stop.is_set():
            raise _StoppedError


def is_due(generation: GenerationRow, faces: int) -> bool:
    """Whether nobody has chosen a profile since the library reached its size of *faces*."""
    choice = Profile.from_json(generation.profile).choice
    return _size(faces) > (0 if choice is None else _size(choice.faces))


def _size(faces: int) -> int:
    """How many of SIZES that many faces reach."""
    return sum(faces >= size for size in SIZES)
