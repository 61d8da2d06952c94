"""Time the running service against the least that the same questions could cost.

usage: python benchmarks/query.py [--faces 10000,100000] [--files 2,10,100,1000,5000] [--before DIR]

It starts `person-count serve --no-ingest` over a library of synthetic faces and asks it over TLS on
loopback, one request at a time on one connection. Questions up to 64 KiB are a GET, longer ones a
POST. In turn with the service it measures two floors:

    tornado   the same server class and the same request bytes, answered with a constant
    search    FAISS range search and scipy's connected components on the same vectors

"first" are questions about files that no question has named since the last commit. "again" are
questions repeated without a commit in between: for those the service reads no rows.

How to read the JSON: milliseconds of wall clock at p50 and p99, requests a second, and the server's
processor time for each request in milliseconds (cpu_ms), which other programs on the machine
disturb least. times_floor is p50 divided by the sum of both floors' p50. fairness gives the times
of 10-file requests alone, and while another client asks about 5,000 files without pause. With
--before, another checkout of this program (at DIR) is asked in turn as well, as "before".
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import yaml
from asking import Client, Process, started
from floors import search
from synthetic import Library, fill, settings_in

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries import generations
from index.vectors.space import Space, unmeasured

Touch = Callable[[], None]

FLOORS = Path(__file__).with_name("floors.py")
SHORT = 100
LEAST_TURNS = 5
QUESTIONS = 20  # different ones of each length, in turn
FRESH = 100  # questions that share no file, as far as there are files
PAUSE_SECONDS = 0.5  # for the service to follow a commit
FAIRNESS_SECONDS = 8.0


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def summary(times: list[float]) -> dict[str, float]:
    """p50, p99, and the requests a second of one client."""
    return {
        "p50_ms": round(float(np.percentile(times, 50)), 3),
        "p99_ms": round(float(np.percentile(times, 99)), 3),
        "per_s": round(1e3 * len(times) / sum(times), 1),
    }


class Turns:
    """Asks servers and searches in turn, and keeps the times."""

    def __init__(self, library: Library, servers: dict[str, Process]) -> None:
        self._library = library
        self._servers = servers
        self._clients = {name: Client(process.port) for name, process in servers.items()}
        self.restart()

    def restart(self) -> None:
        """Forget the times."""
        self._times: dict[str, list[float]] = {name: [] for name in (*self._servers, "search")}
        self._spent = dict.fromkeys(self._servers, 0.0)

    def run(self, questions: list[list[int]]) -> None:
        """Ask every server all *questions*, then search for each."""
        names = [[self._library.name(number) for number in question] for question in questions]
        space = Space.calibrated(unmeasured(512))
        vectors = [space.unit(self._library.vectors_of(some)) for some in questions]
        for name, process in self._servers.items():
            before = process.cpu_seconds()
            ask = self._clients[name].ask
            self._times[name] += [milliseconds(partial(ask, some)) for some in names]
            self._spent[name] += process.cpu_seconds() - before
        self._times["search"] += [milliseconds(partial(search, some)) for some in vectors]

    def summary(self) -> dict[str, Any]:
        """The measurements since restart()."""
        result: dict[str, Any] = {name: summary(values) for name, values in self._times.items()}
        for name, value in self._spent.items():
            result[name]["cpu_ms"] = round(value * 1e3 / len(self._times[name]), 3)
        floors = result["tornado"]["p50_ms"] + result["search"]["p50_ms"]
        times = round(result["service"]["p50_ms"] / floors, 2)
        return {"requests": len(self._times["service"]), **result, "times_floor": times}


def compare(
    library: Library, servers: dict[str, Process], files: int, seconds: float, touch: Touch
) -> dict[str, Any]:
    """Ask about files that no question has named since the last commit, then repeat questions."""
    turns = Turns(library, servers)
    at_once = 10 if files <= SHORT else 1  # the processor's clock has steps of 10 ms
    chosen = [library.chosen(files, seed) for seed in range(QUESTIONS)]
    turns.run(chosen[:1])  # connects
    turns.restart()
    touch()
    fresh = library.disjoint(files, FRESH)
    for start in range(0, len(fresh), at_once):
        turns.run(fresh[start : start + at_once])
    first = turns.summary()
    turns.run(chosen)
    turns.restart()
    stop, turn = time.monotonic() + seconds, 0
    while time.monotonic() < stop or turn < LEAST_TURNS:
        turns.run([chosen[(turn * at_once + number) % QUESTIONS] for number in range(at_once)])
        turn += 1
    return {"files": files, "first": first, "again": turns.summary()}


def fairness(library: Library, service: Process) -> dict[str, Any]:
    """10-file requests alone, and beside a client that asks about 5,000 files without pause."""
    client = Client(service.port)
    questions = [library.question(10, seed) for seed in range(QUESTIONS)]

    def measure() -> dict[str, float]:
        times: list[float] = []
        stop = time.monotonic() + FAIRNESS_SECONDS
        while time.monotonic() < stop:
            names = questions[len(times) % QUESTIONS]
            times.append(milliseconds(partial(client.ask, names)))
        return summary(times)

    alone = measure()
    command = [sys.executable, __file__, "--flood", str(service.port), str(library.count)]
    flood = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - our own
    time.sleep(2.0)
    beside = measure()
    flood.terminate()
    output, _ = flood.communicate()
    heavy = [float(line) for line in output.split()]
    return {"alone": alone, "beside_5000": beside, "the_5000": summary(heavy) if heavy else None}


def flood(port: int, faces: int) -> None:
    """Ask about 5,000 files again and again; print the time of each question."""
    client, library = Client(port), Library(faces)
    questions = [library.question(min(5000, faces), seed) for seed in range(3)]
    while True:
        for names in questions:
            print(milliseconds(partial(client.ask, names)), flush=True)


def commit(settings: Settings) -> None:
    """Change nothing, in a transaction of its own."""
    with Database(settings.database_path) as database, database.write() as connection:
        active = generations.active(connection)
        if active is not None:
            generations.set_profile(connection, active.id, active.profile)
    time.sleep(PAUSE_SECONDS)


def at(faces: int, lengths: list[int], seconds: float, earlier: Path | None) -> dict[str, Any]:
    """All measurements over a library of *faces* faces."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings, library = settings_in(folder), Library(faces)
        fill(settings, library)
        config = folder / "config.yaml"
        values = {"inbox": str(settings.inbox), "data": str(settings.data), "port": 0}
        config.write_text(yaml.safe_dump(values))
        command = [sys.executable, "-m", "person_count", "serve", "--no-ingest"]
        beside = [sys.executable, str(FLOORS), str(settings.data)]
        command += ["--config", str(config)]
        with ExitStack() as stack:
            servers = {"service": stack.enter_context(started(command, folder / "service.log"))}
            if earlier:
                before = started(command, folder / "before.log", earlier)
                servers["before"] = stack.enter_context(before)
            for process in servers.values():
                Client(process.port).wait_for("/readyz")
                process.wait_until_idle()
            services = dict(servers)
            servers["tornado"] = stack.enter_context(started(beside, folder / "floor.log"))
            touch = partial(commit, settings)
            found = [compare(library, servers, files, seconds, touch) for files in lengths]
            return {
                "faces": faces,
                "questions": found,
                "fairness": {name: fairness(library, one) for name, one in services.items()},
                "peak_mib": {name: round(one.peak_mib()) for name, one in services.items()},
            }


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",")]

    parser.add_argument("--faces", type=numbers, default=[10_000, 100_000])
    parser.add_argument("--files", type=numbers, default=[2, 10, 100, 1_000, 5_000])
    parser.add_argument("--seconds", type=float, default=8.0, help="for each length of question")
    parser.add_argument("--before", type=Path, help="another checkout of this program")
    parser.add_argument("--flood", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.flood:
        flood(*options.flood)
    else:
        faiss.omp_set_num_threads(1)  # the lower floor: with two, 100 vectors took 40 ms, not 0.1
        results = [
            at(faces, options.files, options.seconds, options.before) for faces in options.faces
        ]
        json.dump({"query": results}, sys.stdout, indent=1)
        print()


if __name__ == "__main__":
    main()
