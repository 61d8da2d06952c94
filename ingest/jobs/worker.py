"""Claims files in small batches, finds their faces, and commits each batch in one transaction."""

import hashlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from index.base.errors import (
    DecoderUnavailableError,
    OutOfResourcesError,
    UnreadableImageError,
    UnsettledFileError,
)
from index.base.other_files import passed_over
from index.base.paths import is_in_any, signature_of
from index.base.settings import Settings
from index.base.worker_names import new_name
from index.database.engine import Database
from index.database.queries import (
    generations,
    leases,
    processes,
    queue,
    sightings,
    stored_images,
)
from index.database.queries.generations import GenerationRow
from index.database.queries.queue import Claim
from index.database.states import FileState
from index.library.ingest_report import WorkReport
from index.library.settling import RETRY_SECONDS, ready_at, retry_at
from index.upkeep.erasure_log import ErasureLog
from ingest.decoding.reading import read_settled
from ingest.jobs.batch import Batch
from ingest.jobs.lease_keeper import kept
from ingest.networks.models import Models, load_generation
from ingest.networks.pipeline import Content, analyse_all, in_chunks, share_of
from ingest.watching.missing_disks import uncertain_places

log = logging.getLogger(__name__)

UNCERTAIN_RETRY_SECONDS = 60.0  # until a missing file is looked for again while a disk may be out


class Worker:
    """Empties the queue, one batch at a time. Workers of other machines may do so, too.

    Attributes:
        name: tells it from all others.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        generation: GenerationRow,
        models: Models,
        clock: Callable[[], float] = time.time,
        name: str | None = None,
    ) -> None:
        """*name* is that of its process, whose row counts what it stores; None: a new one."""
        self.name = name or new_name(settings.data)
        self._database = database
        self._settings = settings
        self._roots = settings.resolve_roots()
        self._erasures = ErasureLog(settings.data)
        self.generation = generation
        self.models = models
        self._clock = clock
        self._done = WorkReport()
        self._in_hand: list[Claim] = []  # claimed, and not committed yet

    def step(self) -> int:
        """Claim, process and commit one batch. Returns the number of files processed.

        Files for which memory or file handles ran out are not counted: they wait a little longer.

        Raises:
            DecoderUnavailableError: no process can be started to decode in.
            StoreUnavailableError: the disk is full or fails; the next step starts again.
        """
        self._follow_switch()
        with self._database.write() as connection:
            queue.hand_back(connection, self._in_hand, self._clock())
            limit = self._settings.batch_files
            claims = queue.claim(connection, limit, self._clock(), self.name)
        self._in_hand = claims
        if not claims:
            return 0
        started = time.perf_counter()
        try:
            with kept(self._database, partial(leases.renew, claims=claims)):
                batch = self._process(claims)
        except DecoderUnavailableError:
            self._put_off(claims)
            raise
        with self.models.stages.stage("commit"), self._database.write() as connection:
            held = leases.still_held(connection, claims)
            if len(held) < len(claims):
                lost = len(claims) - len(held)
                log.warning("ingest.leases_lost files=%d; other workers read them", lost)
                claims, batch = held, batch.only(held)
            self._commit(connection, claims, batch)
        self._in_hand = []
        if batch.put_off:
            reason = next(iter(batch.put_off.values()))
            log.warning("ingest.out_of_resources files=%d reason=%s", len(batch.put_off), reason)
        files = len(claims) - len(batch.put_off)
        if files:
            self._log_batch(claims, batch, files, time.perf_counter() - started)
        return files

    def _log_batch(self, claims: list[Claim], batch: Batch, files: int, seconds: float) -> None:
        """Log the results, and add them to the report."""
        images = batch.images()
        faces = sum(len(image.faces) for image in images)
        states = Counter(batch.state_of(claim) for claim in claims)
        log.info(
            "ingest.batch files=%d images=%d faces=%d failed=%d no_photo=%d seconds=%.2f",
            files,
            len(images),
            faces,
            states[FileState.FAILED],
            states[FileState.NO_PHOTO],
            seconds,
        )
        done = self._done
        self._done = WorkReport(
            batches=done.batches + 1,
            files=done.files + files,
            images=done.images + len(images),
            faces=done.faces + faces,
            failed=done.failed + states[FileState.FAILED],
            no_photo=done.no_photo + states[FileState.NO_PHOTO],
        )

    def _put_off(self, claims: list[Claim]) -> None:
        """Hand files back that are not to blame, to be claimed a little later."""
        with self._database.write() as connection:
            queue.hand_back(connection, claims, self._clock() + RETRY_SECONDS[0])
        self._in_hand = []

    def report(self) -> WorkReport:
        """The results since the worker was made."""
        return replace(self._done, stage_seconds=self.models.stages.totals())

    def is_due(self) -> bool:
        """Whether to claim a batch now: it is full, has waited long enough, or a caller waits."""
        if self._in_hand:
            return True  # the last batch could not be committed; no other worker may claim it
        now = self._clock()
        full = self._settings.batch_files
        with self._database.read() as connection:
            ready, oldest, urgent = queue.backlog(connection, now, full)
        if not ready:
            return False
        waited = oldest is not None and now - oldest >= self._settings.batch_wait_seconds
        return urgent or waited or ready >= full

    def _follow_switch(self) -> None:
        with self._database.read() as connection:
            active = generations.active(connection)
        if active is not None and active.id != self.generation.id:
            if active.model_id != self.generation.model_id:
                stages = self.models.stages  # go on counting
                self.models = replace(load_generation(self._settings, active), stages=stages)
            self.generation = active
            log.info("ingest.generation_switched generation=%d", active.id)

    def _process(self, claims: list[Claim]) -> Batch:
        batch = Batch()
        limit = self._settings.max_megapixels
        batch.outcomes.update(analyse_all(self.models, self._new_contents(claims, batch), limit))
        return batch

    def _new_contents(self, claims: list[Claim], batch: Batch) -> Iterator[list[Content]]:
        """Read the claimed files as needed, and yield chunks of content not analysed yet."""
        seen: set[bytes] = set()
        for some in in_chunks(self._contents(claims, batch), share_of(len(claims))):
            digests = [digest for digest, _ in some]
            with self._database.read() as connection:
                known = stored_images.known_images(connection, self.generation.id, digests)
                forgotten = self._erasures.suppressed(connection, digests)
            batch.refuse(forgotten)
            passed_over = known.keys() | forgotten | seen
            new = {digest: data for digest, data in some if digest not in passed_over}
            seen |= new.keys()
            if new:
                yield list(new.items())

    def _contents(self, claims: list[Claim], batch: Batch) -> Iterator[Content]:
        for claim in claims:
            data = self._read(claim, batch)
            if data is not None:
                yield batch.digests[claim], data

    def _read(self, claim: Claim, batch: Batch) -> bytes | None:
        """The bytes of a claimed file, or None after adding the reason to *batch*."""
        limit = self._settings.max_file_bytes
        if reason := passed_over(claim.path):
            batch.failures[claim] = UnreadableImageError(reason, no_photo=True)
            return None
        try:
            with self.models.stages.stage("read"):
                root = self._roots.root_of(claim.path)
                data = read_settled(claim.path, root, claim.signature, limit)
        except (FileNotFoundError, UnsettledFileError):
            pass  # neither read nor failed: _commit looks at it again
        except OutOfResourcesError as error:
            batch.put_off[claim] = str(error)  # the next one may be smaller
        except UnreadableImageError as error:
            batch.failures[claim] = error.bare()
        else:
            batch.digests[claim] = hashlib.sha256(data).digest()
            return data
        return None

    def _commit(self, connection: Connection, claims: list[Claim], batch: Batch) -> None:
        now = self._clock()
        active = generations.active(connection)
        if active is None or active.id != self.generation.id:
            # a re-index has switched meanwhile: these faces are of the wrong generation
            queue.requeue(connection, [claim.path for claim in claims], now)
            return
        digests = list(set(batch.digests.values()))
        batch.refuse(self._erasures.suppressed(connection, digests))
        images = stored_images.known_images(connection, self.generation.id, digests)
        new = [image for image in batch.images() if image.sha256 not in images]
        images |= stored_images.record_images(connection, self.generation.id, batch.images())
        found = {
            claim: images[digest] for claim, digest in batch.digests.items() if digest in images
        }
        linked = stored_images.link_files(connection, found, now)
        faces = sum(len(image.faces) for image in new)
        processes.count(connection, self.name, linked, faces)
        queue.hand_back(connection, list(batch.put_off), now + RETRY_SECONDS[0])
        for claim in claims:
            if claim in found or claim in batch.put_off:
                continue
            if error := batch.failure(claim):
                _fail(connection, claim, error, now, batch.state_of(claim))
            else:
                self._recheck(connection, claim, now, was_read=claim in batch.digests)

    def _recheck(self, connection: Connection, claim: Claim, now: float, *, was_read: bool) -> None:
        """Put a file that changed while it was in hand back into the queue, or forget it.

        If its disk may be missing, it stays queued, and a scan decides whether it is gone.
        """
        try:
            signature = signature_of(self._roots.stat(claim.path))
        except FileNotFoundError:
            if is_in_any(claim.path, uncertain_places(connection, self._roots)):
                queue.requeue_changed(
                    connection, claim, claim.signature, now + UNCERTAIN_RETRY_SECONDS
                )
            else:
                sightings.forget(connection, claim.path, now, below=False)
            return
        except OSError as error:
            reason = f"it cannot be looked at ({error.strerror})"
            _fail(connection, claim, UnreadableImageError(reason, may_pass=True), now)
            return
        if signature == claim.signature and not was_read:
            # some network file systems do this for long; retried at once, it would loop
            reason = "the file that can be opened is not the one that its folder lists"
            _fail(connection, claim, UnreadableImageError(reason, may_pass=True), now)
            return
        settled = ready_at(signature, now, self._settings.settle_seconds)
        queue.requeue_changed(connection, claim, signature, settled)


def _fail(
    connection: Connection,
    claim: Claim,
    error: UnreadableImageError,
    now: float,
    state: FileState = FileState.FAILED,
) -> None:
    """Mark a claimed file as failed, and plan when to try it again, if ever."""
    again = retry_at(claim.attempts + 1, now, forever=error.may_pass or error.forbidden)
    if error.may_pass:
        stored_images.postpone_file(connection, claim, str(error), again)
        return
    if not (error.maybe_partial or error.forbidden):
        again = None
    stored_images.unlink_file(connection, claim, str(error), again, now, state=state)
