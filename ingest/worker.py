"""Claims files in small batches, turns them into faces, and commits one transaction a batch."""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from index.database import Database
from index.errors import UnreadableImageError, UnsettledFileError
from index.paths import Roots, signature_of
from index.settings import Settings
from index.settle import ready_at, retry_at
from index.store import generations, library, queue
from index.store.generations import GenerationRow
from index.store.library import NewImage
from index.store.queue import Claim
from ingest.faces import RgbImage
from ingest.images import decode
from ingest.models import Models, load_generation
from ingest.reading import read_settled

log = logging.getLogger(__name__)

MIB = 1 << 20


@dataclass(slots=True)
class Batch:
    """What became of the files of one claim so far."""

    digests: dict[Claim, bytes] = field(default_factory=dict)  # read; SHA-256
    pixels: dict[bytes, RgbImage] = field(default_factory=dict)  # content to analyse
    failures: dict[Claim, UnreadableImageError] = field(default_factory=dict)
    changed: list[Claim] = field(default_factory=list)
    gone: list[Claim] = field(default_factory=list)
    analysed: list[NewImage] = field(default_factory=list)


class Worker:
    """Empties the queue, one batch at a time; only one worker runs on a database."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        generation: GenerationRow,
        models: Models,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._settings = settings
        self._roots = Roots(settings.all_roots)
        self.generation = generation
        self._models = models
        self._clock = clock

    def step(self) -> int:
        """Claim, process and commit one batch. Returns the number of files claimed."""
        self._follow_switch()
        with self._database.write() as connection:
            claims = queue.claim(connection, self._settings.batch_files, self._clock())
        if not claims:
            return 0
        started = time.perf_counter()
        batch = self._process(claims)
        with self._database.write() as connection:
            self._commit(connection, claims, batch)
        log.info(
            "ingest.batch files=%d images=%d faces=%d failed=%d seconds=%.2f",
            len(claims),
            len(batch.analysed),
            sum(len(image.faces) for image in batch.analysed),
            len(batch.failures),
            time.perf_counter() - started,
        )
        return len(claims)

    def is_due(self) -> bool:
        """Whether a batch should be claimed now: it is full, has waited, or somebody waits."""
        now = self._clock()
        with self._database.read() as connection:
            ready, oldest, urgent = queue.backlog(connection, now)
        if not ready:
            return False
        waited = oldest is not None and now - oldest >= self._settings.batch_wait_seconds
        return urgent or waited or ready >= self._settings.batch_files

    def _follow_switch(self) -> None:
        with self._database.read() as connection:
            active = generations.active(connection)
        if active is not None and active.id != self.generation.id:
            if active.model_id != self.generation.model_id:
                self._models = load_generation(self._settings, active)
            self.generation = active
            log.info("ingest.generation_switched generation=%d", active.id)

    def _process(self, claims: list[Claim]) -> Batch:
        batch = Batch()
        contents: dict[bytes, bytes] = {}
        for claim in claims:
            self._read(claim, batch, contents)
        with self._database.read() as connection:
            known = library.known_images(
                connection, self.generation.id, list(set(batch.digests.values()))
            )
        for claim, digest in batch.digests.items():
            if digest not in known and digest not in batch.pixels:
                try:
                    batch.pixels[digest] = decode(
                        contents.pop(digest), self._settings.max_megapixels
                    )
                except UnreadableImageError as error:
                    batch.failures[claim] = error
        batch.analysed = self._models.analyse(list(batch.pixels.items()))
        return batch

    def _read(self, claim: Claim, batch: Batch, contents: dict[bytes, bytes]) -> None:
        try:
            root = self._roots.root_of(claim.path)
            data = read_settled(
                claim.path, root, claim.signature, self._settings.max_file_mib * MIB
            )
        except FileNotFoundError:
            batch.gone.append(claim)
        except UnsettledFileError:
            batch.changed.append(claim)
        except UnreadableImageError as error:
            batch.failures[claim] = error
        else:
            digest = hashlib.sha256(data).digest()
            batch.digests[claim] = digest
            contents[digest] = data

    def _commit(self, connection: Connection, claims: list[Claim], batch: Batch) -> None:
        now = self._clock()
        active = generations.active(connection)
        if active is None or active.id != self.generation.id:
            # a re-index has switched in the meantime: these faces are of no use
            queue.requeue(connection, [claim.path for claim in claims], now)
            return
        images = library.known_images(
            connection, self.generation.id, list(set(batch.digests.values()))
        )
        for image in batch.analysed:
            images[image.sha256] = library.record_image(connection, self.generation.id, image)
        for claim in claims:
            digest = batch.digests.get(claim)
            if digest in images:
                library.link_file(connection, claim, images[digest], now)
            elif claim in batch.failures:
                error = batch.failures[claim]
                again = retry_at(claim.attempts + 1, now) if error.maybe_partial else None
                library.unlink_file(connection, claim, str(error), again, now)
            elif claim in batch.gone:
                queue.forget(connection, claim.path, now, below=False)
            else:
                self._look_again(connection, claim, now)

    def _look_again(self, connection: Connection, claim: Claim, now: float) -> None:
        """Put a file that changed while it was in hand back into the queue."""
        try:
            signature = signature_of(self._roots.stat(claim.path))
        except FileNotFoundError:
            queue.forget(connection, claim.path, now, below=False)
            return
        settled = ready_at(signature, now, self._settings.settle_seconds)
        queue.resight(connection, claim, signature, settled)
