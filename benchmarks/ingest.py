"""Compare ingest with the usual loop around facenet-pytorch, on the same files.

usage: python benchmarks/ingest.py DIR [--limit N] [--megapixels 1,4,12]
                                   [--model NAME --network FILE]

    pipeline    the real thing: Scanner, Worker and the models, from files in a drop folder to
                committed rows in a new database
    unconfined  the same, with decoders that do not confine themselves
    plain       MTCNN(keep_all=True, margin=32) with its defaults, then InceptionResnetV1 with the
                same weights, file by file, torch's defaults; nothing is stored

Each takes turns with all the files, in a separate process. The pipeline is first and last, so that
other programs on the machine disturb all. Loading the models is not counted.

How to read the JSON: medians over the turns. ratio is pipeline over plain in images a second,
ratio_cpu in images for each second of processor time, which other programs hardly disturb.
confinement and confinement_cpu are the same for unconfined over pipeline: 1.03 means that confining
the decoders costs 3 %. stages are seconds added up over threads, so their sum may exceed the
clock's. faces may differ a little: the pipeline reduces larger photos to its detection size.
"""

import argparse
import json
import logging
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

from photos import lay_out, photos_in
from PIL import Image

# a script's own folder is searched first, where this very file would be taken for the package
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent]

WARM_FILES = 3


def processor_seconds() -> float:
    """The processor time of this process and its children so far."""
    ticks, own = 0, os.getpid()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(words[1]) == own:
            ticks += int(words[11]) + int(words[12])
    return sum(os.times()[:4]) + ticks / os.sysconf("SC_CLK_TCK")


def report(files: int, faces: int, wall: float, cpu: float) -> dict[str, Any]:
    """The figures of one turn."""
    return {
        "images": files,
        "faces": faces,
        "seconds": wall,
        "images_per_s": files / wall,
        "faces_per_s": faces / wall,
        "cpu_ms_per_image": cpu / files * 1e3,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def turn_of_unconfined(inbox: Path, cache: Path, model: str) -> dict[str, Any]:
    """The pipeline, with decoders of unconfined_decoder.py."""
    from functools import partial  # noqa: PLC0415

    from ingest.networks import models  # noqa: PLC0415

    models.Decoders = partial(models.Decoders, "benchmarks.unconfined_decoder")
    return turn_of_pipeline(inbox, cache, model)


def turn_of_pipeline(inbox: Path, cache: Path, model: str) -> dict[str, Any]:
    """Index everything in *inbox* into a new database."""
    from index.base.one_thread import keep_to_one_thread  # noqa: PLC0415

    keep_to_one_thread()  # as the program does, before numpy is imported
    from index.base.settings import Settings  # noqa: PLC0415
    from index.database.engine import Database  # noqa: PLC0415
    from index.database.migration import migrate  # noqa: PLC0415
    from index.database.queries import analyses, queue  # noqa: PLC0415
    from ingest.jobs.worker import Worker  # noqa: PLC0415
    from ingest.networks.models import load_models, open_generation  # noqa: PLC0415
    from ingest.networks.runtime import cores  # noqa: PLC0415
    from ingest.watching.scan import Scanner  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        (data / "weights").symlink_to(cache)
        settings = Settings(inbox=inbox, data=data, settle_seconds=0.0, model=model)
        migrate(settings.database_path)
        loading = time.perf_counter()
        load_models(settings, model)
        loading = time.perf_counter() - loading
        with Database(settings.database_path) as database:
            generation, models = open_generation(database, settings)
            warm = [(b"", path.read_bytes()) for path in sorted(inbox.iterdir())[:WARM_FILES]]
            # each thread's OpenVINO request is made when all compute at once for the first time
            with ThreadPoolExecutor(cores()) as pool:
                list(
                    pool.map(models.analyse, [warm] * 4 * cores(), repeat(settings.max_megapixels))
                )
            models.stages.seconds.clear()
            worker = Worker(database, settings, generation, models)
            wall, cpu = time.perf_counter(), processor_seconds()
            Scanner(database, settings.resolve_roots(), settings.settle_seconds).scan()
            scanned = time.perf_counter() - wall
            while worker.step():
                pass
            wall, cpu = time.perf_counter() - wall, processor_seconds() - cpu
            with database.read() as connection:
                states = queue.counts(connection)
                faces = analyses.totals(connection, generation.id)["faces"]
    if states["pending"] or states["failed"]:
        raise SystemExit(f"not everything was indexed: {states}")
    stages = {"scan": scanned, **models.stages.seconds}
    return {
        **report(states["indexed"], faces, wall, cpu),
        "load_seconds": loading,
        "stages": stages,
    }


def turn_of_plain(inbox: Path, cache: Path, _model: str) -> dict[str, Any]:
    """The usual loop, file by file."""
    import torch  # noqa: PLC0415
    from facenet_pytorch import MTCNN, InceptionResnetV1  # noqa: PLC0415

    from ingest.networks.facenet_weights import read_weights  # noqa: PLC0415
    from ingest.networks.network_files import network_file  # noqa: PLC0415
    from ingest.networks.recogniser import describe  # noqa: PLC0415

    mtcnn = MTCNN(keep_all=True, margin=32)
    facenet = InceptionResnetV1(pretrained=None, classify=False).eval()
    weights = read_weights(network_file(describe("facenet"), cache))
    facenet.load_state_dict(weights, strict=False)

    def run(paths: Sequence[Path]) -> int:
        faces = 0
        for path in paths:
            with Image.open(path) as image:
                crops = mtcnn(image.convert("RGB"))
            if crops is not None:
                with torch.no_grad():
                    faces += len(facenet(crops))
        return faces

    paths = sorted(inbox.iterdir())
    run(paths[:WARM_FILES])
    wall, cpu = time.perf_counter(), processor_seconds()
    faces = run(paths)
    return report(len(paths), faces, time.perf_counter() - wall, processor_seconds() - cpu)


TURNS = {
    "pipeline": turn_of_pipeline,
    "plain": turn_of_plain,
    "unconfined": turn_of_unconfined,
}


def middle(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The median of each number."""
    return {
        key: middle([run[key] for run in runs])
        if isinstance(value, dict)
        else round(statistics.median(run[key] for run in runs), 3)
        for key, value in runs[0].items()
    }


def compare(inbox: Path, plain_inbox: Path, cache: Path, model: str, rounds: int) -> dict[str, Any]:
    """Let all take turns."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in TURNS}
    for name in ["pipeline", *["plain", "unconfined", "pipeline"] * rounds]:
        folder = plain_inbox if name == "plain" else inbox
        words = ["--turn", name, "--cache", str(cache), "--model", model]
        command = [sys.executable, __file__, str(folder), *words]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own
        runs[name].append(json.loads(done.stdout))
    fast, slow, free = (middle(runs[name]) for name in ("pipeline", "plain", "unconfined"))
    return {
        "turns": {name: [round(run["images_per_s"], 2) for run in runs[name]] for name in TURNS},
        "pipeline": fast,
        "plain": slow,
        "unconfined": free,
        "ratio": round(fast["images_per_s"] / slow["images_per_s"], 2),
        "ratio_cpu": round(slow["cpu_ms_per_image"] / fast["cpu_ms_per_image"], 2),
        "confinement": round(free["images_per_s"] / fast["images_per_s"], 3),
        "confinement_cpu": round(fast["cpu_ms_per_image"] / free["cpu_ms_per_image"], 3),
    }


def main() -> None:
    """Parse the arguments, compare, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="photos, also in folders below")
    parser.add_argument("--limit", type=int, default=300, help="how many of them, evenly spread")
    parser.add_argument(
        "--megapixels",
        type=lambda text: [float(part) for part in text.split(",")],
        default=[],
        help="scale each photo to these sizes first",
    )
    parser.add_argument("--model", default="facenet", help="of the pipeline")
    parser.add_argument("--network", type=Path, help="its fetched file, where it has one")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--copies",
        type=int,
        default=1,
        help="give the pipeline each file so many times, when there are too few to fill batches",
    )
    parser.add_argument("--turn", choices=TURNS, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        logging.disable(logging.INFO)
        result = TURNS[options.turn](options.folder, options.cache, options.model)
    else:
        with tempfile.TemporaryDirectory() as name:
            inbox, plain = Path(name) / "inbox", Path(name) / "plain"
            paths = photos_in(options.folder, options.limit)
            lay_out(paths, options.megapixels, 1, plain)
            lay_out(paths, options.megapixels, options.copies, inbox)
            cache = Path(name) / "weights"
            cache.mkdir()
            if options.network:
                shutil.copy(options.network, cache)
            result = compare(inbox, plain, cache, options.model, options.rounds)
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
