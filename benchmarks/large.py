"""Show what large questions cost, and that the proof gives what comparing all pairs gives.

usage: python benchmarks/large.py [--faces 1000,5000,10000,50000,100000]
       python benchmarks/large.py --meanwhile 50000
       python benchmarks/large.py --photos DIR [--data FOLDER] [--draws 200]

The first counts synthetic faces, each number in a process of its own. Most persons have one to
three photos, a few have dozens; half of the photos show two faces. How to read the JSON:

    seconds       for the persons at a threshold of 0.2, without reading files or explaining
    cpu_seconds   processor time, which other programs disturb less
    mib           the memory that it took beyond the vectors, at its peak
    rounds        how often merges were made until the proof found nothing missing; 0: all pairs
                  were compared, which questions up to 10,000 faces do
    links         pairs of faces that were linked in the last round
    persons       how many were counted, and how many there are
    refused       the sentence instead, if it could not be counted exactly

The second asks a service about 10 files each: p50 and p99 in milliseconds. It does so alone, while
the service counts the people of a library of so many faces in the background, and while another
client asks about all photos of that library. The first such question of a process also waits until
numba has compiled; the second does not.

The third takes photos with a folder for each person, as accuracy.py does. It draws faces at
random (from 100 up to all), gives some of them a photo in common, adds a burst of near-copies,
mixes the order and counts both ways at one of four thresholds. It prints how many draws had the
same persons, and the most rounds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from asking import Client, Process, started
from synthetic import DIM, Library, fill, settings_in

from index.base.arrays import FloatMatrix, IntVector
from index.base.choices import DEFAULT_THRESHOLD, Linkage
from index.base.errors import RequestError
from index.base.one_thread import ONE_THREAD
from index.counting import evidence
from index.counting.effort import Effort
from index.counting.face_set import FaceSet
from index.counting.hierarchy import Hierarchy, by_appearance, hierarchy
from index.counting.weights import weights_of
from index.vectors.space import Space, shipped_profile

SIZES = (1, 1, 1, 2, 2, 3, 3, 5, 12, 40)  # photos of a person, equally often
SPREAD = 128  # directions of the vectors: a deviation of 0.09 between strangers
ALIKE = 0.75  # cosine similarity of two photos of one person, on average
THRESHOLDS = (0.1, 0.2, 0.3, 0.4)
FEWEST = 100
BURST = 40
FILES, QUESTIONS, ASK_SECONDS = 10, 20, 15


def crowd(count: int, seed: int = 0) -> tuple[FloatMatrix, IntVector, int]:
    """Unit vectors of *count* faces, the photo of each, and how many persons there are."""
    rng = np.random.default_rng(seed)
    sizes = rng.choice(SIZES, count)
    person = np.repeat(np.arange(count), sizes)[:count]
    centres = rng.normal(size=(int(person[-1]) + 1, SPREAD)).astype(np.float32)
    noise = rng.normal(size=(count, SPREAD)).astype(np.float32)
    small = np.sqrt(ALIKE) * centres[person] + np.sqrt(1 - ALIKE) * noise
    axes = np.linalg.qr(rng.normal(size=(DIM, SPREAD)))[0].T.astype(np.float32)
    vectors = small @ axes
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = rng.permutation(count)
    photos = np.arange(count)
    photos[1 : count // 2 : 2] -= 1  # every second one of the first half is beside another
    return np.ascontiguousarray(vectors[order], np.float32), photos, len(centres)


def memory_mib(which: str) -> float:
    """The present memory of this process (VmRSS), or the most since forget_peak() (VmHWM)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(which + ":")[2].split()[0]) / 1024


def forget_peak() -> None:
    """Let the peak be what is in use now."""
    Path("/proc/self/clear_refs").write_text("5")  # see proc(5)


def all_pairs_up_to(faces: int, work: Callable[[], Hierarchy]) -> Hierarchy:
    """Do *work* as if more than *faces* faces were too many for all pairs."""
    usual, evidence.DENSE_FACES = evidence.DENSE_FACES, faces
    try:
        return work()
    finally:
        evidence.DENSE_FACES = usual


def warm_up(space: Space) -> None:
    """Have both ways compiled."""
    vectors, photos, _ = crowd(300)
    faces = FaceSet(vectors, photos, space.profile.scatter)
    distance = 1.0 - space.cut(float(DEFAULT_THRESHOLD))
    for most in (1, len(faces)):
        all_pairs_up_to(most, lambda: hierarchy(faces, Linkage.EVIDENCE, distance))


def at(count: int) -> dict[str, Any]:
    """The cost of one question, in this process."""
    vectors, photos, people = crowd(count)
    space = Space.calibrated(shipped_profile("facenet", DIM))
    faces = FaceSet(vectors, photos, space.profile.scatter)
    distance = 1.0 - space.cut(float(DEFAULT_THRESHOLD))
    warm_up(space)
    forget_peak()
    effort, before = Effort(), memory_mib("VmRSS")
    start, cpu = time.perf_counter(), time.process_time()
    found: dict[str, Any] = {"faces": count}
    try:
        tree = hierarchy(faces, Linkage.EVIDENCE, distance, effort)
    except RequestError as error:
        return found | {"refused": str(error), "seconds": round(time.perf_counter() - start, 1)}
    persons = int(tree.labels_at(distance).max()) + 1
    return found | {
        "seconds": round(time.perf_counter() - start, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "mib": round(memory_mib("VmHWM") - before),
        "rounds": effort.rounds,
        "links": effort.links,
        "persons": {"counted": persons, "there": people},
    }


def drawn(
    vectors: FloatMatrix, photos: IntVector, rng: np.random.Generator
) -> tuple[FloatMatrix, IntVector]:
    """Some faces in any order, with shared photos and a burst of near-copies."""
    rows = rng.choice(len(vectors), rng.integers(FEWEST, len(vectors) + 1), replace=False)
    copies = np.repeat(rng.choice(rows, 2), BURST)
    near = vectors[copies] + rng.normal(scale=0.002, size=(len(copies), vectors.shape[1]))
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    mixed = np.concatenate((vectors[rows], near.astype(np.float32)))
    shown = np.concatenate((photos[rows], photos.max() + 1 + np.arange(len(copies))))
    beside = rng.choice(len(shown), len(shown) // 10, replace=False)
    shown[beside] = rng.choice(shown, len(beside))
    return np.ascontiguousarray(mixed), shown


def equality(vectors: FloatMatrix, photos: IntVector, space: Space, draws: int) -> dict[str, Any]:
    """How often both ways give the same persons."""
    rng = np.random.default_rng(0)
    scatter, equal, most = space.profile.scatter, 0, 0
    for number in range(draws):
        some, shown = drawn(vectors, photos, rng)
        distance = 1.0 - space.cut(THRESHOLDS[number % len(THRESHOLDS)])
        faces = FaceSet(some, shown, scatter)
        if number % 2:
            model = replace(scatter, norm=1.0)
            weights = weights_of(rng.uniform(0.2, 2.2, len(some)), model)
            faces = FaceSet(some, shown, model, weights)
        dense = hierarchy(faces, Linkage.EVIDENCE, distance).labels_at(distance)
        order, effort = rng.permutation(len(some)), Effort()
        mixed = partial(hierarchy, faces[order], Linkage.EVIDENCE, distance, effort)
        tree = all_pairs_up_to(1, mixed)
        labels = np.empty(len(some), np.int64)
        labels[order] = tree.labels_at(distance)
        equal += bool(np.array_equal(by_appearance(labels), dense))
        most = max(most, effort.rounds)
    return {"faces": len(vectors), "draws": draws, "equal": equal, "most_rounds": most}


def meanwhile(count: int) -> dict[str, Any]:
    """How long questions about a few files take while many faces are counted."""
    with tempfile.TemporaryDirectory() as name:
        settings, library = settings_in(Path(name)), Library(count)
        fill(settings, library)
        config = Path(name) / "config.yaml"
        values = {"inbox": str(settings.inbox), "data": str(settings.data), "port": 0}
        values |= {"max_request_files": count, "max_request_faces": count}
        config.write_text(yaml.safe_dump(values | {"max_request_seconds": 600.0}))
        command = [sys.executable, "-m", "person_count", "serve", "--no-ingest"]
        command += ["--config", str(config)]
        log = Path(name) / "service.log"
        found: dict[str, Any] = {"faces": count}
        with started(command, log) as process:
            client = ready(process)
            found["alone"] = timed(client, library)
            for which in ("beside_first", "beside_second"):
                with ThreadPoolExecutor(1) as other:
                    large = other.submit(Client(process.port).ask, [str(settings.inbox)])
                    found[which] = timed(client, library, lambda asked=large: not asked.done())
        with started(command, log, library_people=True) as process:
            client = ready(process)
            while not is_counting(client):
                time.sleep(0.05)
            found["meanwhile"] = timed(client, library, lambda: is_counting(client))
        return found


def ready(process: Process) -> Client:
    """A client of a service that is ready."""
    client = Client(process.port)
    client.wait_for("/readyz")
    return client


def is_counting(client: Client) -> bool:
    """Whether the library's people are being counted."""
    return bool(client.get("/people")["state"] == "counting")


def timed(
    client: Client, library: Library, is_under_way: Callable[[], bool] = lambda: True
) -> dict[str, Any]:
    """The time of questions for ASK_SECONDS, or as long as something is under way."""
    questions = [library.question(FILES, seed) for seed in range(QUESTIONS)]
    times: list[float] = []
    end = time.perf_counter() + ASK_SECONDS
    while time.perf_counter() < end and is_under_way():
        for names in questions:
            start = time.perf_counter()
            client.ask(names)
            times.append(1000 * (time.perf_counter() - start))
    p50, p99 = np.percentile(times, (50, 99))
    return {"questions": len(times), "p50_ms": round(p50, 2), "p99_ms": round(p99, 2)}


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faces", default="1000,5000,10000,50000,100000")
    parser.add_argument("--meanwhile", type=int)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--here", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here is not None:
        print(json.dumps(at(given.here)))
    elif given.meanwhile is not None:
        print(json.dumps(meanwhile(given.meanwhile)))
    elif given.photos is not None:
        from accuracy import embedded  # noqa: PLC0415 - it loads the networks

        labelled = embedded(given.photos, "facenet", given.data)
        space = Space.calibrated(shipped_profile("facenet", DIM))
        vectors = space.unit(labelled.raw)
        print(json.dumps(equality(vectors, labelled.photos, space, given.draws)))
    else:
        for count in given.faces.split(","):
            command = [sys.executable, __file__, "--here", count]
            subprocess.run(command, check=True, env=os.environ | ONE_THREAD)  # noqa: S603 - our own


if __name__ == "__main__":
    main()
