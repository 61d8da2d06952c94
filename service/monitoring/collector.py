"""Metrics of the database, the index and the ingest process, read at each scrape."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from index.base import kernel
from index.base.choices import DistanceScale
from index.base.errors import ConfigError, StoreError
from index.database.queries.processes import ProcessRow
from index.database.states import STORING
from index.library.at_work import by_place, is_watched
from index.library.everybody import PeopleState
from index.library.profile_fit import fit_in
from index.library.status import LibraryStatus, read_status
from index.vectors.space import stored_space
from service.answering.people_keeper import PeopleKeeper
from service.children.ingest_keeper import IngestKeeper
from service.monitoring.service_status import ServiceStatus

log = logging.getLogger(__name__)

NO_PROCESS = "none"  # used as a process id: /proc has nothing of that name
# numbers of index.library.ingest_report with their descriptions
_WORK = {
    "files": "Files that ingest has processed.",
    "images": "Images analysed: files without copies of known content.",
    "faces": "Faces found in them.",
    "failed": "Files that could not be read.",
    "no_photo": "Files that are no photos.",
}
_WATCHING = {
    "observer_restarts": "How often watching had to be restarted.",
    "lost_events": "How often events of the file system were lost; a scan followed each time.",
}
_DESCRIPTORS = {  # named as those of other processes
    "open_files": ("open_fds", "Number of open file descriptors."),
    "open_files_limit": ("max_fds", "Maximum number of open file descriptors."),
}
_PROCESSES = {
    "processes": "Processes that give signs of life.",
    "process_silent_seconds": "Since the last sign of life of any of them.",
}
_STORED = {
    "files": "Files whose photo the process has stored since it started.",
    "faces": "Faces that it has stored.",
}
_HOLDING = {
    "roots_missing": "Folders to watch that are missing.",
    "removals_held": "Files that vanished together, whose removal is held until it is sure.",
}


class StatusCollector(Collector):
    """Reads the database once for each scrape; unknown numbers are left out, never 0."""

    def __init__(self, status: ServiceStatus) -> None:
        self._status = status
        self._child = ProcessCollector(
            "person_count_ingest", pid=lambda: self._pid() or NO_PROCESS, registry=None
        )

    def _pid(self) -> int | None:
        return None if self._status.ingest is None else self._status.ingest.pid

    def collect(self) -> Iterator[Metric]:
        """All families, without those of the database if it cannot be read."""
        try:
            with self._status.database.read() as connection:
                library = read_status(connection, time.time())
                lag = self._status.follower.lag(connection, library.active)
        except (StoreError, SQLAlchemyError):
            log.exception("metrics.database_unreadable")
            library, lag = None, 0
        yield _gauge("database_up", "Whether the database could be read.", library is not None)
        if library is not None:
            yield from _of_library(library, lag)
            yield from _of_fit(library, self._status.follower.scale)
            yield from _of_report(library)
            yield from _of_processes(library.processes)
        yield from _of_confinement(library)
        yield from _of_index(self._status.follower.status())
        if self._status.ingest is not None:
            yield from _of_keeper(self._status.ingest)
        yield from (one for one in self._child.collect() if not one.name.endswith("_fds"))


class PeopleCollector(Collector):
    """Reads what is done about the library's people."""

    def __init__(self, people: PeopleKeeper) -> None:
        self._people = people

    def collect(self) -> Iterator[Metric]:
        """The state, and how often a count was given up."""
        text = "1 for what is done about the library's people, 0 for all else."
        states = {state.value: float(self._people.state is state) for state in PeopleState}
        yield _by(GaugeMetricFamily, "library_people_state", text, "state", states)
        text = "How often counting the library's people was given up for more urgent work."
        yield _counter("library_people_interruptions", text, self._people.interruptions)


def _gauge(name: str, text: str, value: float | None) -> Metric:
    return GaugeMetricFamily(f"person_count_{name}", text, value=value)


def _counter(name: str, text: str, value: float | None) -> Metric:
    return CounterMetricFamily(f"person_count_{name}", text, value=value)


def _by(
    family: type[GaugeMetricFamily | CounterMetricFamily],
    name: str,
    text: str,
    label: str,
    values: Mapping[str, float],
) -> Metric:
    """One sample for each of *values*, whose keys are the label's values."""
    made = family(f"person_count_{name}", text, labels=(label,))
    for key, value in values.items():
        made.add_metric((key,), value)
    return made


def _of_library(library: LibraryStatus, lag: int) -> Iterator[Metric]:
    yield _by(GaugeMetricFamily, "files", "Files by state.", "state", library.files)
    yield _gauge("queue_ready_files", "Files that may be read now.", library.ready)
    yield _gauge(
        "queue_oldest_ready_timestamp_seconds",
        "When the file that waits longest became ready; absent if none waits.",
        library.oldest_ready_at,
    )
    models = {} if library.active is None else {library.active.model_id: 1.0}
    text = "The model that answers come from."
    yield _by(GaugeMetricFamily, "model_info", text, "model", models)
    yield _gauge("index_unapplied_changes", "Faces added or removed, not yet in the index.", lag)
    snapshot = library.snapshot
    yield _gauge(
        "snapshot_faces",
        "Faces in the newest stored snapshot of the index.",
        snapshot.faces if snapshot else None,
    )
    yield _gauge(
        "snapshot_written_timestamp_seconds",
        "When the newest snapshot was written.",
        snapshot.written_at if snapshot else None,
    )
    yield _gauge(
        "snapshot_missing_changes",
        "Faces added or removed since the newest snapshot.",
        snapshot.missing_changes if snapshot else None,
    )


def _of_fit(library: LibraryStatus, scale: DistanceScale) -> Iterator[Metric]:
    """Whether the profile fits the library; absent while that is not known."""
    fit = None
    if library.active is not None:
        with suppress(ConfigError):  # the index cannot be used then, which has its own alert
            fit = fit_in(library.report, stored_space(library.active.profile, scale))
    yield _gauge(
        "profile_doubtful",
        "Whether 0.2 does not mean here what it was measured to mean; absent if not known.",
        None if fit is None else float(fit["doubtful"]),
    )
    yield _gauge(
        "profile_strangers_accepted_ratio",
        "Share of pairs of strangers that 0.2 takes for one person here, as estimated.",
        None if fit is None else fit["strangers_accepted"],
    )
    yield _gauge(
        "profile_departure",
        "How many times as far as by chance the library's centre lies from the profile's.",
        None if fit is None else fit["departure"],
    )


def _of_report(library: LibraryStatus) -> Iterator[Metric]:
    """The last report of the ingest process, and its time; numbers not in it are left out."""
    work = library.report.get("work", {})
    watcher = library.report.get("watcher", {})
    yield _gauge(
        "ingest_report_timestamp_seconds",
        "When the ingest process last reported.",
        library.reported_at,
    )
    for key, text in _WORK.items():
        yield _counter(f"ingest_{key}", text, work.get(key))
    text = "Time spent by stage of the pipeline, added up over threads."
    stages = work.get("stage_seconds", {})
    yield _by(CounterMetricFamily, "ingest_stage_seconds", text, "stage", stages)
    for key, (name, text) in _DESCRIPTORS.items():
        yield _gauge(f"ingest_process_{name}", text, library.report.get(key))
    for key, text in _WATCHING.items():
        yield _counter(key, text, watcher.get(key))
    for key, text in _HOLDING.items():
        yield _gauge(key, text, watcher.get(key))


def _of_processes(rows: list[ProcessRow]) -> Iterator[Metric]:
    """Processes by kind, machine and data folder: not by name, which is new at each start."""
    labels = ("kind", "machine", "folder")
    alive, silent = (
        GaugeMetricFamily(f"person_count_{name}", text, labels=labels)
        for name, text in _PROCESSES.items()
    )
    stored = {
        key: CounterMetricFamily(f"person_count_process_{key}", text, labels=labels)
        for key, text in _STORED.items()
    }
    for place, there in by_place(rows).items():
        alive.add_metric(place, sum(not row.is_lost for row in there))
        silent.add_metric(place, min(row.silent_seconds for row in there))
        if place[0] in STORING:
            newest = there[-1]  # a sum would go back when one that was lost is removed
            for key, family in stored.items():
                family.add_metric(place, getattr(newest, key))
    yield from (alive, silent, *stored.values())
    text = "Whether a process that gives signs of life watches the folders."
    yield _gauge("watched", text, is_watched(rows))


def _of_confinement(library: LibraryStatus | None) -> Iterator[Metric]:
    """What decoders are confined by: those of the service, and those that ingest speaks of."""
    text = "Whether the kernel has what decoders are confined by."
    made = GaugeMetricFamily("person_count_confinement", text, labels=("process", "mechanism"))
    reported = {} if library is None else library.report.get("confinement", {})
    for process, found in (("service", kernel.offer()._asdict()), ("ingest", reported)):
        for mechanism, value in found.items():
            made.add_metric((process, mechanism), float(bool(value)))
    yield made


def _of_index(status: Mapping[str, int | bool]) -> Iterator[Metric]:
    yield _gauge("index_ready", "Whether the index can be used.", status["ready"])
    yield _gauge("index_faces", "Faces whose vectors are in memory.", status["faces"])
    yield _gauge("index_whole", "Whether these are all; see vector_memory_mib.", status["whole"])
    yield _counter("index_rebuilds", "How often rows and snapshot disagreed.", status["rebuilds"])


def _of_keeper(keeper: IngestKeeper) -> Iterator[Metric]:
    yield _gauge("ingest_up", "Whether the ingest process runs.", keeper.pid is not None)
    yield _counter("ingest_restarts", "How often it was started again.", keeper.restarts)
