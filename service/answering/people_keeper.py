"""Counts the persons of the whole library in the background, and gives pages of them."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from index.base.errors import RequestError, StoreUnavailableError
from index.base.outage import Outage
from index.base.paths import Roots
from index.base.settings import Settings
from index.counting.answer import answer_question
from index.counting.documents import Document
from index.counting.effort import Effort, Elsewhere
from index.counting.explanation import is_beyond_measured
from index.counting.often_seen import most_photographed
from index.database.engine import Database
from index.database.queries import changelog, generations, people
from index.database.queries.generations import GenerationRow
from index.database.queries.people import PeopleRow
from index.library.everybody import (
    PeopleState,
    gather,
    is_of,
    people_page,
    question_of_all,
    version_of,
)
from index.library.ray_blocks import ray_blocks
from service.answering.follower import Follower
from service.answering.threads import Threads

log = logging.getLogger(__name__)

STEP_SECONDS = 0.5  # a version that has stood for so long is counted
FAILED_SECONDS = 60.0  # after what should never happen, so that the log is not filled
LOOK_SECONDS = 1.0  # while counting, between two looks at the queue
# in these states only a commit changes anything
_SETTLED = (PeopleState.CURRENT, PeopleState.REFUSED)


class InterruptedCountError(Exception):
    """Something more urgent is to be done."""


class _Patience(Effort):
    """As long as nothing more urgent is to be done."""

    def __init__(self, is_disturbed: Callable[[], bool], elsewhere: Elsewhere | None) -> None:
        # the other processors are for questions
        super().__init__(threads=1, elsewhere=elsewhere)
        self._is_disturbed = is_disturbed

    def check_time(self) -> None:
        """Give up if there is more urgent work. Raises InterruptedCountError."""
        if self._is_disturbed():
            raise InterruptedCountError


@dataclass(frozen=True, slots=True)
class Count:
    """The count under way.

    Attributes:
        effort: what it did cost so far.
        began: of time.monotonic().
        faces: how many count.
    """

    effort: Effort
    began: float
    faces: int


class PeopleKeeper:
    """Counts the persons of everything while nothing waits, and keeps them until photos change.

    What was counted is kept in the database, so it is there after a restart. A thread; close()
    joins it.

    Attributes:
        state: what it does at present.
        interruptions: how often a count was given up for more urgent work.
        count: the one under way.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        follower: Follower,
        threads: Threads,
        roots: Roots,
    ) -> None:
        self._database = database
        self._settings = settings
        self._follower = follower
        self._threads = threads
        self._roots = roots
        self._question = question_of_all(settings)
        self._seen: str | None = None  # the version at the last look
        # a version, and why it cannot be counted
        self._refused: tuple[str | None, str] | None = None
        self._looked = 0.0
        self._settled_at: int | None = None  # the commits when nothing was left to do
        self._stop = threading.Event()
        self._outage = Outage("people")
        self._thread = threading.Thread(target=self._run, name="people", daemon=True)
        self.state = PeopleState.WAITING if settings.library_people else PeopleState.OFF
        self.interruptions = 0
        self.count: Count | None = None

    def start(self) -> None:
        """Begin, unless the settings say not to."""
        if self.state is not PeopleState.OFF:
            self._thread.start()

    def close(self) -> None:
        """Give the count up and stop; harmless when called again."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def document(self, offset: int, limit: int) -> Document:
        """A page of the newest persons that were counted, and what is being done. It blocks."""
        with self._database.read() as connection:
            generation = generations.active(connection)
            row = None if self.state is PeopleState.OFF else people.read(connection)
            if generation is None or (row is not None and not is_of(row, generation)):
                row = None
            number = 0 if row is None or not len(row.persons) else int(row.persons.max()) + 1
            end = min(offset + limit, number)
            shown = (
                people_page(connection, self._roots, generation, row, range(offset, end))
                if row is not None and generation is not None and offset < end
                else []
            )
        return {
            **self._state_document(),
            "threshold": self._question.threshold_text,
            "faces": self._question.faces,
            "linkage": self._question.linkage,
            **_numbers(row, number),
            "persons": shown,
            "next": end if end < number else None,
        }

    def _state_document(self) -> Document:
        count = self.count
        counting = None
        if count is not None:
            counting = {
                "faces": count.faces,
                "rounds": count.effort.rounds,
                "seconds": round(time.monotonic() - count.began, 1),
            }
        refused = self._refused[1] if self._refused and self.state is PeopleState.REFUSED else None
        return {"state": self.state, "counting": counting, "problem": refused}

    def _run(self) -> None:
        while not self._stop.wait(STEP_SECONDS):
            self._look()

    def _look(self) -> None:
        """Take a step. Skip it if the last one left nothing to do and nobody committed since."""
        commits = self._follower.commits  # before the step, so that none is missed
        if commits == self._settled_at and self._follower.ready:
            return  # a step takes as long as several questions
        self._settled_at = None
        try:
            self._step()
        except StoreUnavailableError as error:
            self._outage.begin(error)
        except Exception:
            log.exception("people.failed")
            self._refuse(self._seen, "the count failed; see the log")
            self._stop.wait(FAILED_SECONDS)
        else:
            self._outage.end()
            if self.state in _SETTLED:
                self._settled_at = commits

    def _refuse(self, version: str | None, why: str) -> None:
        """Do not try this version again."""
        self._refused, self.state = (version, why), PeopleState.REFUSED

    def _step(self) -> None:
        with self._database.read() as connection:
            generation = generations.active(connection)
            if generation is None or not self._follower.ready or people.has_pending(connection):
                self.state = PeopleState.WAITING
                return
            version = version_of(connection, generation, self._question)
            known = people.read_version(connection)
        before, self._seen = self._seen, version
        if version == known:
            self.state = PeopleState.CURRENT
        elif self._refused is not None and version == self._refused[0]:
            self.state = PeopleState.REFUSED
        elif version != before or self._is_disturbed():
            self.state = PeopleState.WAITING
        else:
            self._count_all(version, generation)

    def _is_disturbed(self) -> bool:
        """Whether something more urgent is to be done; looks at the queue now and then."""
        if self._stop.is_set() or self._threads.slow_work:
            return True
        now = time.monotonic()
        if now < self._looked + LOOK_SECONDS:
            return False
        self._looked = now
        with self._database.read() as connection:
            return people.has_pending(connection)

    def _count_all(self, version: str, generation: GenerationRow) -> None:
        """Count, and keep what was counted."""
        with ray_blocks(self._settings.ray_address) as elsewhere:
            self._count_with(_Patience(self._is_disturbed, elsewhere), version, generation)

    def _count_with(self, effort: Effort, version: str, generation: GenerationRow) -> None:
        began = time.monotonic()
        self.count, self.state = Count(effort, began, 0), PeopleState.COUNTING
        try:
            row = self._counted(version, generation, effort)
        except RequestError as error:
            self._refuse(version, str(error))
            log.warning("people.refused reason=%s", error)
        except InterruptedCountError:
            self.state = PeopleState.WAITING
            self.interruptions += 1
            log.info("people.interrupted milliseconds=%.0f", 1000 * (time.monotonic() - began))
        else:
            is_kept = self._keep(row, generation)
            self.state = PeopleState.CURRENT if is_kept else PeopleState.WAITING
            milliseconds = 1000 * (time.monotonic() - began)
            log.info("people.counted faces=%d milliseconds=%.0f", len(row.faces), milliseconds)
        finally:
            self.count = None

    def _keep(self, row: PeopleRow, generation: GenerationRow) -> bool:
        """Whether the count was kept; not if photos have changed or were forgotten meanwhile."""
        with self._database.write() as connection:
            is_newest = row.version == version_of(connection, generation, self._question)
            if is_newest:
                people.store(connection, row)
        return is_newest

    def _counted(self, version: str, generation: GenerationRow, effort: Effort) -> PeopleRow:
        with self._database.read() as connection:
            change = changelog.newest_change(connection, generation.id)
            most = self._settings.max_request_faces
            found = gather(connection, generation, self._question, most)
            ids = [face.id for face in found.counted]
            space, vectors = self._follower.vectors(connection, generation, ids)
            # what was gathered may be newer than the version that was looked at
            version = version_of(connection, generation, self._question)
        self.count = Count(effort, time.monotonic(), len(ids))
        answer = answer_question(
            self._question, found.counted, (), vectors, space, found.judged, effort
        )
        images = np.array([face.image_id for face in found.counted], np.int64)
        persons = most_photographed(answer.person_of, images)
        faces = np.array(ids, np.int64)
        return PeopleRow(version, change, time.time(), found.photos, faces, images, persons)


def _numbers(row: PeopleRow | None, persons: int) -> Document:
    if row is None:
        nothing = dict.fromkeys(("as_of", "person_num", "face_num", "photo_num"))
        return {**nothing, "beyond_measured": False}
    return {
        "as_of": {"change": row.change, "at": round(row.counted_at, 3)},
        "person_num": persons,
        "face_num": len(row.faces),
        "photo_num": row.photos,
        "beyond_measured": is_beyond_measured(len(row.faces), persons),
    }
