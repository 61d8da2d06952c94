"""Compares the folders with the files table: scans are the truth, the watcher's events hints."""

import logging
import os
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from index.base.paths import Roots, display, is_in
from index.database.engine import Database
from index.database.queries import places, sightings
from index.database.queries.files import paths_below, signatures_below
from index.database.queries.places import HoldReason, Identity, PlaceState
from index.library.settling import sighting_of
from ingest.watching.findings import NOTHING_MOUNTED, RootPass
from ingest.watching.removals import Finding, judge
from ingest.watching.walk import Walk, identity

log = logging.getLogger(__name__)

BATCH = 500  # sightings a transaction


@dataclass(frozen=True, slots=True)
class Held:
    """The numbers of held removals and of their places."""

    roots_missing: int = 0
    roots_held: int = 0
    removals_held: int = 0


class Scanner:
    """Brings the files table up to date with the folders."""

    def __init__(
        self,
        database: Database,
        roots: Roots,
        settle_seconds: float,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._roots = roots
        self._settle_seconds = settle_seconds
        self._clock = clock
        self._stopwatch = stopwatch
        self._scanned: dict[str, float] = {}  # the last scan of each place, by the stopwatch
        self._identities: dict[str, Identity | None] = {}  # the last of each place, not held
        self.held = Held()

    @property
    def places(self) -> list[str]:
        """The roots, and the mounts below them at the last scan."""
        return list(dict.fromkeys([*self._roots.real, *self._identities]))

    def scan(self) -> tuple[int, int]:
        """Look at every root. Returns how many files were new or changed, and how many are gone."""
        changed = gone = 0
        passes: list[RootPass] = []
        for root in self._roots.real:
            made = self._prepare_pass(root)
            changed += self.record(made.files())
            passes.append(made)
        # only after all roots, so that files moved to another root are not embedded again
        for made in passes:
            gone += self._remove_missing(made)
        states = [state for root in self._roots.real for state in self._states(root)]
        self._identities = {place.path: place.identity for place in states}
        held = [place for place in states if place.reason]
        self.held = Held(
            sum(p.reason is HoldReason.ABSENT and p.path in self._roots.real for p in held),
            len(held),
            sum(place.missing for place in held),
        )
        return changed, gone

    def is_accepted(self) -> bool:
        """Whether the operator has accepted held removals; the next scan makes them."""
        return any(place.accepted for root in self._roots.real for place in self._states(root))

    def _states(self, root: str) -> list[PlaceState]:
        with self._database.read() as connection:
            return [place for place in places.all_places(connection) if is_in(place.path, root)]

    def _prepare_pass(self, root: str) -> RootPass:
        states = self._states(root)
        with self._database.read() as connection:
            rows = signatures_below(connection, root)
        return RootPass(root, self._roots, states, rows)

    def _remove_missing(self, made: RootPass) -> int:
        """Remove the rows of missing files where that is sure. Returns how many."""
        ignored = made.ignored()
        if ignored:
            log.info("scan.ignored removed=%d: the setting ignore names them now", len(ignored))
            self._forget(ignored)
        gone = len(ignored)
        for state, found, missing in list(made.findings()):
            before, after = self._judge(state, found)
            _log_hold(before, after, found)
            if after.reason is None:
                gone += len(missing)
                self._forget(missing)
                if after != before:
                    self._end_hold(after)
        return gone

    def _judge(self, state: PlaceState, found: Finding) -> tuple[PlaceState, PlaceState]:
        """Judge a place by its present state in the database, and store a hold.

        The operator may have accepted its removals, or forgotten files, since the pass began.

        Returns: the place before and after.
        """
        elapsed = self._since_last(state.path)
        with self._database.write() as connection:
            before = places.find(connection, state.path) or state
            after = judge(before, found, elapsed)
            if after.reason is not None:
                places.put(connection, after)
        return before, after

    def _end_hold(self, place: PlaceState) -> None:
        """Store a place without a hold; only after its removals, which may be interrupted."""
        with self._database.write() as connection:
            if place.identity == NOTHING_MOUNTED:
                places.drop(connection, place.path)
            else:
                places.put(connection, place)

    def _forget(self, names: Sequence[str]) -> None:
        """Remove rows, in batches, so that other writers need not wait long."""
        for start in range(0, len(names), BATCH):
            with self._database.write() as connection:
                sightings.forget_files(connection, names[start : start + BATCH], self._clock())

    def _since_last(self, place: str) -> float:
        """Seconds since the place was last scanned by this process."""
        now = self._stopwatch()
        last = self._scanned.get(place, now)
        self._scanned[place] = now
        return now - last

    def record(self, found: Iterable[tuple[str, os.stat_result]], *, priority: int = 0) -> int:
        """Record files that were found. Returns how many are new or changed."""
        waiting = iter(found)
        changed = 0
        while some := list(islice(waiting, BATCH)):
            now = self._clock()
            seen = [sighting_of(path, status, now, self._settle_seconds) for path, status in some]
            with self._database.write() as connection:
                changed += sightings.record(connection, seen, priority=priority)
        return changed

    def examine(self, paths: Iterable[str]) -> None:
        """Look at the *paths* of events below the roots.

        Files that are there are recorded before rows of missing ones are removed, so that a moved
        file is known under its new name before its old name goes.
        """
        gone: list[str] = []
        there: list[tuple[str, os.stat_result]] = []
        for path in paths:
            if self._roots.ignores(path):
                continue
            try:
                status = self._roots.stat(path)
            except FileNotFoundError:
                gone.append(path)
                continue
            except OSError as error:
                log.warning("scan.file_unreadable reason=%s", error.strerror)
                continue
            if stat.S_ISDIR(status.st_mode):
                if not self._roots.ignores(path, is_folder=True):
                    there.extend(Walk().files(path, self._roots))
            else:
                there.append((path, status))
        self.record(there)
        changed = self._changed_places()
        removable = [path for path in gone if not any(_touches(path, place) for place in changed)]
        names = [display(path) for path in removable]
        with self._database.read() as connection:
            below = [name for folder in names for name in paths_below(connection, folder)]
        self._forget([*names, *below])

    def _changed_places(self) -> list[str]:
        """Places that have been replaced or are missing; there a scan judges missing files.

        Call it after looking at the files, or a disk that fails in between would go unnoticed.
        """
        return [
            place
            for place in self.places
            if (now := identity(place)) is None or now != self._identities.get(place, now)
        ]


def _touches(path: str, place: str) -> bool:
    return is_in(path, place) or is_in(place, path)


def _log_hold(before: PlaceState, after: PlaceState, found: Finding) -> None:
    """Log that a hold began or ended, but not that it goes on."""
    if after.reason is None and before.reason is not None:
        log.warning("scan.hold_ended missing=%d removed=%d", before.missing, found.missing)
    if after.reason is None or after.reason is before.reason:
        return
    if after.reason is HoldReason.ABSENT:
        log.error("scan.root_missing: nothing below it is removed until it is back")
    else:
        log.error(
            "scan.removals_held reason=%s missing=%d of=%d: is a disk not mounted? "
            "If they are gone for good, run person-count removals --accept",
            after.reason,
            found.missing,
            found.known,
        )
