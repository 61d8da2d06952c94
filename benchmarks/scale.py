"""Show what grows with the number of indexed faces, and what does not.

usage: python benchmarks/scale.py [--faces 10000,100000,1000000]

For each number of faces it fills a database with synthetic rows, then measures it in separate
processes, as in real use.

How to read the JSON, one object for each number of faces:

    commits           faces a second through the store's own functions, in transactions of 64 files
    bulk_rows_per_s   faces a second by bulk inserts, which filled the rest of the database
    snapshot          seconds to write the first snapshot, and one more after 64 changes
    open              seconds of VectorIndex.open from that snapshot, and its memory: the growth of
                      the process divided by the bytes of the vectors
    refresh           milliseconds from a commit on another connection until VectorIndex has it
    vectors_100       milliseconds to pick 100 vectors out of the index
    service           seconds from the start of `person-count serve` to /healthz and to /readyz,
                      p50 of 100-file requests, and the service's memory over the vectors' bytes

grows divides the last by the first: 1 means it does not grow.
"""

import argparse
import gc
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from asking import Client, started
from synthetic import DIM, Library, fill, settings_in

from index.base.paths import Signature
from index.base.settings import DistanceScale, Settings
from index.database.engine import Database
from index.database.queries import generations, queue, sightings, stored_images
from index.database.queries.generations import GenerationRow
from index.database.queries.sightings import Sighting
from index.database.queries.stored_images import NewFace, NewImage
from index.vectors.snapshot_writer import write_snapshot
from index.vectors.space import Space, stored_space
from index.vectors.vector_index import VectorIndex

ASKED = 100
QUESTIONS = 20
COMMIT_FILES = 64
COMMITS = 10


def seconds(work: Callable[[], object]) -> float:
    """The seconds that *work* takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def resident_bytes() -> int:
    """The present memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def active(database: Database) -> tuple[GenerationRow, Space]:
    """The generation that answers come from, and its space."""
    with database.read() as connection:
        found = generations.active(connection)
    if found is None:
        raise SystemExit("the library is empty")
    return found, stored_space(found.profile, DistanceScale.CALIBRATED)


def commit_some(database: Database, generation: GenerationRow, number: int) -> None:
    """Commit COMMIT_FILES new files like the worker, without reading and analysing them."""
    rng = np.random.default_rng(number)
    raw = rng.normal(size=(COMMIT_FILES, DIM)).astype(np.float32)
    points = np.zeros((5, 2), np.float32)
    seen = [
        Sighting(f"/commits/{number}/{one}.jpg", Signature(1, number, one, "1"), 0.0)
        for one in range(COMMIT_FILES)
    ]
    with database.write() as connection:
        sightings.record(connection, seen)
        claims = queue.claim(connection, COMMIT_FILES, time.time())
    images = {
        claim: NewImage(
            hashlib.sha256(claim.path.encode()).digest(),
            (250, 250),
            [NewFace((0.0, 0.0, 60.0, 80.0), 0.99, points, 1.0, vector)],
        )
        for claim, vector in zip(claims, raw, strict=True)
    }
    with database.write() as connection:
        ids = stored_images.record_images(connection, generation.id, images.values())
        found = {claim: ids[image.sha256] for claim, image in images.items()}
        stored_images.link_files(connection, found, time.time())


def measure_index(data: Path) -> dict[str, Any]:
    """Open, look up and refresh the index of a filled database with a snapshot."""
    settings = settings_in(data)
    with Database(settings.database_path) as database:
        generation, space = active(database)
        index = VectorIndex(generation.id, space)
        with database.read() as connection:
            index.vectors([])
        gc.collect()
        before = resident_bytes()
        with database.read() as connection:
            opening = seconds(lambda: index.open(connection))
        gc.collect()
        grown = resident_bytes() - before
        ids = index.ids
        rng = np.random.default_rng(0)
        picks = [np.sort(rng.choice(ids, ASKED, replace=False)) for _ in range(200)]
        lookups = [seconds(lambda: index.vectors(pick)) for pick in picks]  # noqa: B023
        delays = []
        for number in range(5):
            commit_some(database, generation, 1000 + number)

            def follow() -> None:
                with database.read() as connection:
                    index.refresh(connection)

            delays.append(seconds(follow))
    return {
        "open_seconds": round(opening, 3),
        "memory_over_vectors": round(grown / (len(ids) * DIM * 4), 3),
        "peak_over_vectors": round(
            (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)
            / (len(ids) * DIM * 4),
            3,
        ),
        "refresh_64_faces_ms": round(float(np.median(delays)) * 1e3, 2),
        "vectors_100_ms": round(float(np.median(lookups)) * 1e3, 3),
    }


def measure_service(settings: Settings, drawn: Library, folder: Path) -> dict[str, Any]:
    """Start the service on a filled database and ask it."""
    config = folder / "config.yaml"
    values = {"inbox": str(settings.inbox), "data": str(settings.data), "port": 0}
    config.write_text(yaml.safe_dump(values))
    command = [sys.executable, "-m", "person_count", "serve", "--no-ingest", "--config"]
    up: dict[str, float] = {}
    start = time.perf_counter()
    with started([*command, str(config)], folder / "service.log") as process:
        client = Client(process.port, longest_get=0)
        for target in ("/healthz", "/readyz"):
            client.wait_for(target)
            up[target] = time.perf_counter() - start
        questions = [drawn.question(ASKED, seed) for seed in range(QUESTIONS)]
        times = [seconds(partial(client.ask, names)) for names in questions * 5]
        resident, peak = process.resident_mib(), process.peak_mib()
    return {
        "healthz_seconds": round(up["/healthz"], 2),
        "readyz_seconds": round(up["/readyz"], 2),
        "query_100_p50_ms": round(float(np.median(times)) * 1e3, 2),
        "resident_mib": round(resident),
        "peak_mib": round(peak),
        "resident_over_vectors": round(resident * 2**20 / (drawn.count * DIM * 4), 3),
    }


def at(faces: int) -> dict[str, Any]:
    """All measurements at one size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings, drawn = settings_in(folder), Library(faces)
        asked = [number for seed in range(QUESTIONS) for number in drawn.chosen(ASKED, seed)]
        filling = fill(settings, drawn, on_disk=asked)
        with Database(settings.database_path) as database:
            generation, space = active(database)
            first = seconds(lambda: write_snapshot(database, generation.id, space, 0.0))
            commits = [
                seconds(lambda: commit_some(database, generation, number))  # noqa: B023
                for number in range(COMMITS)
            ]
            second = seconds(lambda: write_snapshot(database, generation.id, space, 1.0))
            database.checkpoint()
        here = [sys.executable, __file__, "--index", name]
        done = subprocess.run(here, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own
        measured = done.stdout
        return {
            "faces": faces,
            "bulk_rows_per_s": round(faces / filling),
            "commits_faces_per_s": round(COMMIT_FILES / float(np.median(commits))),
            "snapshot_first_seconds": round(first, 2),
            "snapshot_after_640_seconds": round(second, 3),
            "database_mib": round(settings.database_path.stat().st_size / 2**20),
            "index": json.loads(measured),
            "service": measure_service(settings, drawn, folder),
        }


def growth(small: dict[str, Any], large: dict[str, Any]) -> dict[str, Any]:
    """Each number of *large* divided by that of *small*."""
    return {
        key: growth(value, large[key]) if isinstance(value, dict) else round(large[key] / value, 2)
        for key, value in small.items()
        if value
    }


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--faces",
        type=lambda text: [int(part) for part in text.split(",")],
        default=[10_000, 100_000, 1_000_000],
    )
    parser.add_argument("--index", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.index:
        print(json.dumps(measure_index(options.index)))
        return
    results = [at(faces) for faces in options.faces]
    grows = growth(results[0], results[-1])
    json.dump({"scale": results, "grows": grows}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
