"""Measure a library in PostgreSQL: many ingest machines, and many faces.

usage: python benchmarks/cluster.py [--boxes 1,2,4,8] [--faces 1000000] [--numbers 512]

It starts a PostgreSQL server of its own, which writes to the disk before it says so. A face of 512
numbers needs 4 KiB of disk, one of 192 numbers 2 KiB; the server's log another 8 GiB.

How to read the JSON:

    boxes     ingest machines, each a process with the program's own worker, whose claims and
              commits are real; in place of reading and analysing 64 files it sleeps for 385 ms, as
              long as that takes two cores. files_per_s of all; of_linear: divided by as many times
              one box
    claim_ms  milliseconds to hand out 64 of many pending files: the statements, and with the commit
    services  `person-count serve --no-ingest` for each way to keep vectors (the setting
              vector_memory_mib): seconds from its start to /readyz and its memory then, the time of
              100-file requests about files that no question has named ("first") and of repeated
              ones ("again")
    slow      statements that took the server longer than --slow-ms, each once with its plan
"""

import argparse
import hashlib
import json
import multiprocessing
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, cast

import numpy as np
import psycopg
import server_library
import yaml
from asking import ROOT, Client, started
from pydantic import SecretStr
from synthetic import DIM, Library, generation_in, settings_in

# a script's own folder is searched first, where ingest.py would be taken for the package; and the
# tests' server is wanted, with other options
sys.path.remove(str(Path(__file__).resolve().parent))
sys.path.insert(0, str(ROOT))

from index.base.settings import Settings
from index.database.engine import Database
from index.database.migration import migrate
from index.database.queries import generations, queue
from index.database.queries.queue import Claim
from index.database.queries.stored_images import NewFace, NewImage
from index.vectors.snapshot_writer import write_snapshot
from index.vectors.space import stored_vector_space
from ingest.jobs.batch import Batch
from ingest.jobs.worker import Worker
from ingest.networks.models import Models
from tests.postgres import Server, installed

ANALYSIS_SECONDS = 0.385  # of 64 files with a face each, on two cores
FILES_PER_SECOND = 64 / ANALYSIS_SECONDS
CLAIMS = 100
ASKED = 100
QUESTIONS = 50
WHOLE = 1 << 20  # MiB: any library's vectors
MOST_IN_MEMORY = 4 << 30  # bytes of vectors: of more, no service keeps all
PENDING = 100_000  # files that wait while a batch is handed out
SLOW = re.compile(r"duration: ([\d.]+) ms  plan:\n(.*?)(?=^\S|\Z)", re.DOTALL | re.MULTILINE)


def options(slow_ms: float) -> tuple[str, ...]:
    """A durable server's, that writes down the plans of slow statements."""
    return (
        "shared_buffers=1GB",
        "max_wal_size=8GB",
        "max_connections=100",
        "session_preload_libraries=auto_explain",
        f"auto_explain.log_min_duration={slow_ms}ms",
        "auto_explain.log_analyze=on",
        "auto_explain.log_timing=off",
        "logging_collector=on",
        "log_directory=log",
    )


@contextmanager
def library(server: Server, name: str, folder: Path) -> Iterator[tuple[Settings, Database]]:
    """A new library on *server*, without files."""
    server.run(f"CREATE DATABASE {name}")
    url = server.url(name)
    migrate(url)
    settings = settings_in(folder).model_copy(update={"database_url": url})
    with Database(url) as database:
        yield settings, database
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


def plain(url: SecretStr | None) -> psycopg.Connection:
    """A connection past the program."""
    assert url is not None
    return psycopg.connect(url.get_secret_value(), autocommit=True)


class Box(Worker):
    """The program's worker, which sleeps in place of reading and analysing files."""

    def _process(self, claims: list[Claim]) -> Batch:
        batch = Batch()
        points = np.zeros((5, 2), np.float32)
        rng = np.random.default_rng(claims[0].file_id)
        vectors = rng.normal(size=(len(claims), DIM)).astype(np.float32)
        for claim, vector in zip(claims, vectors, strict=True):
            digest = hashlib.sha256(claim.path.encode()).digest()
            face = NewFace((0.0, 0.0, 60.0, 80.0), 0.99, points, 1.0, vector)
            batch.digests[claim] = digest
            batch.outcomes[digest] = NewImage(digest, (250, 250), [face])
        time.sleep(ANALYSIS_SECONDS * len(claims) / 64)
        return batch


def box(settings: Settings, url: str, seconds: float, pipe: Pipe) -> None:
    """Work for some *seconds* once told to, then tell the files a second."""
    settings = settings.model_copy(update={"database_url": SecretStr(url)})
    with Database(settings.database_address) as database:
        with database.read() as connection:
            generation = generations.active(connection)
        assert generation is not None
        worker = Box(database, settings, generation, Models(cast(Any, None), cast(Any, None)))
        pipe.send("ready")
        pipe.recv()
        files, start = 0, time.perf_counter()
        while time.perf_counter() < start + seconds:
            files += worker.step()
        pipe.send(files / (time.perf_counter() - start))


def measure_boxes(server: Server, counts: list[int], seconds: float) -> list[dict[str, Any]]:
    """Files a second of some numbers of boxes on one library."""
    context = multiprocessing.get_context("fork")  # the imports of a worker take seconds
    found: list[dict[str, Any]] = []
    for count in counts:
        with (
            tempfile.TemporaryDirectory() as name,
            library(server, f"boxes_{count}", Path(name)) as (settings, database),
        ):
            with database.write() as connection:
                generation_in(connection)
            with plain(settings.database_url) as connection:
                most = round(count * FILES_PER_SECOND * (seconds + 2))
                server_library.add_pending(connection, settings.inbox, most)
                connection.execute("VACUUM ANALYZE")
            url = server.url(f"boxes_{count}").get_secret_value()
            pipes, processes = [], []
            for _ in range(count):
                here, there = context.Pipe()
                process = context.Process(target=box, args=(settings, url, seconds, there))
                process.start()
                pipes.append(here)
                processes.append(process)
            for pipe in pipes:
                pipe.recv()
            for pipe in pipes:
                pipe.send("go")
            rate = sum(pipe.recv() for pipe in pipes)
            for process in processes:
                process.join()
        one = found[0] if found else {"boxes": count, "files_per_s": rate}
        linear = one["files_per_s"] / one["boxes"] * count
        share = {"files_per_s": round(rate, 1), "of_linear": round(rate / linear, 3)}
        found.append({"boxes": count, **share})
    return found


def timed(times: list[float]) -> dict[str, float]:
    """Milliseconds of *times* in seconds."""
    p50, p99 = np.percentile(times, [50, 99]) * 1e3
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2)}


def measure_claims(database: Database) -> dict[str, Any]:
    """Hand out batch after batch."""
    statements, whole = [], []
    for _ in range(CLAIMS):
        start = time.perf_counter()
        with database.write() as connection:
            began = time.perf_counter()
            claims = queue.claim(connection, 64, time.time(), "benchmark")
            statements.append(time.perf_counter() - began)
        whole.append(time.perf_counter() - start)
        if not claims:
            raise SystemExit("the queue is empty")
    return {"statements": timed(statements), "with_commit": timed(whole)}


def measure_service(
    settings: Settings, url: str, folder: Path, asked: list[list[str]], limit: int
) -> dict[str, Any]:
    """Start a replica and ask it."""
    config = folder / "config.yaml"
    values = {"inbox": str(settings.inbox), "data": str(settings.data), "port": 0}
    values |= {"database_url": url, "vector_memory_mib": limit}
    config.write_text(yaml.safe_dump(values))
    command = [sys.executable, "-m", "person_count", "serve", "--no-ingest", "--config"]
    start = time.perf_counter()
    with started([*command, str(config)], folder / "service.log") as process:
        client = Client(process.port)
        client.wait_for("/healthz")
        up = time.perf_counter() - start
        client.wait_for("/readyz")
        ready = time.perf_counter() - start
        resident = process.resident_mib()
        client.ask(asked[0])  # imports
        process.wait_until_idle()
        first = [seconds_of(client, names) for names in asked[1:]]
        again = [seconds_of(client, names) for names in asked[1:]]
        return {
            "vector_memory_mib": limit,
            "healthz_seconds": round(up, 2),
            "readyz_seconds": round(ready, 2),
            "resident_mib_when_ready": round(resident),
            "resident_mib": round(process.resident_mib()),
            "first_ms": timed(first),
            "again_ms": timed(again),
            "index": client.get("/status")["index"],
        }


def seconds_of(client: Client, names: list[str]) -> float:
    """The seconds that a question takes."""
    start = time.perf_counter()
    client.ask(names)
    return time.perf_counter() - start


def slow(server: Server) -> list[dict[str, Any]]:
    """The slow statements with their plans, each once, the slowest first; the log is emptied."""
    found: dict[str, tuple[float, str]] = {}
    for log in (server.folder / "data" / "log").glob("*.log"):
        for took, plan in SLOW.findall(log.read_text(errors="replace")):
            kind = re.sub(r"\$\d+|\d+|'[^']*'", "?", plan.partition("\n")[0])[:200]
            found[kind] = max(found.get(kind, (0.0, "")), (float(took), plan))
        log.write_text("")
    ordered = sorted(found.values(), reverse=True)
    return [
        {"ms": took, "plan": [line[:200] for line in plan.splitlines()]} for took, plan in ordered
    ]


def measure_library(server: Server, faces: int, dim: int) -> dict[str, Any]:
    """Claims and questions over a library of *faces* faces, whose vectors have *dim* numbers."""
    limits = [WHOLE, 256] if 4 * faces * dim <= MOST_IN_MEMORY else [256]
    with (
        tempfile.TemporaryDirectory() as name,
        library(server, "large", Path(name)) as (settings, database),
    ):
        with database.write() as connection:
            generation = generation_in(connection, dim)
        asked = server_library.questions(faces, ASKED, QUESTIONS)
        start = time.perf_counter()
        with plain(settings.database_url) as connection:
            server_library.add_pending(connection, settings.inbox, PENDING)
            server_library.fill(connection, settings.inbox, generation.id, faces, dim)
            for numbers in asked:
                server_library.put_on_disk(connection, settings.inbox, numbers)
        filled = time.perf_counter() - start
        slow(server)
        found: dict[str, Any] = {"faces": faces, "numbers": dim, "filled_seconds": round(filled, 1)}
        [[size]] = server.run("SELECT pg_database_size(current_database())", "large")
        found["gib"] = round(size / 2**30, 1)
        found["claim_ms"] = measure_claims(database)
        start = time.perf_counter()
        if max(limits) >= WHOLE:
            write_snapshot(database, generation.id, stored_vector_space(generation.profile), 0.0)
            found["snapshot_seconds"] = round(time.perf_counter() - start, 1)
        name_of = Library(1).name
        names = [[name_of(number) for number in numbers] for numbers in asked]
        url = server.url("large").get_secret_value()
        ask = partial(measure_service, settings, url, Path(name), names)
        found["services"] = [ask(limit) for limit in limits]
        found["slow"] = slow(server)
        return found


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def numbers(text: str) -> list[int]:
        return [int(part) for part in text.split(",") if part]

    parser.add_argument("--boxes", type=numbers, default=[1, 2, 4, 8], help="how many at a time")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each number of boxes")
    parser.add_argument("--faces", type=int, default=1_000_000, help="0: leave that out")
    parser.add_argument("--numbers", type=int, default=DIM, help="of a vector; mobilefacenet: 192")
    parser.add_argument("--slow-ms", type=float, default=5.0)
    given = parser.parse_args()
    server = Server(max(installed()), options(given.slow_ms))
    try:
        found = {
            "boxes": measure_boxes(server, given.boxes, given.seconds),
            "library": measure_library(server, given.faces, given.numbers) if given.faces else None,
        }
    finally:
        server.close()
    json.dump(found, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
