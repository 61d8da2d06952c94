"""Runs the models over many files with every core busy and memory bounded.

Each worker thread takes a chunk of files through all stages: decode, detect, crop, embed. The heavy
steps release the GIL and run on one thread each, so as many workers as cores keep the machine full
without queues between stages: while one decodes, another runs a network. The chunk is the batch,
unless its pixels are too many: its photos share MTCNN's later nets, and their crops share FaceNet.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from ingest.networks.models import Models, Outcome
from ingest.networks.runtime import cores

CHUNK_FILES = 32  # at most: larger calls of the nets gain no more speed
CHUNK_BYTES = 4_000_000  # large photos gain little together, and would leave a core without work

Content = tuple[bytes, bytes]  # SHA-256 and bytes of a file


def share_of(count: int) -> int:
    """How many of *count* files (at least 1) go into a chunk, so that all workers get as many."""
    rounds = math.ceil(count / (CHUNK_FILES * cores()))
    return math.ceil(count / (rounds * cores()))


def analyse_all(
    models: Models, chunks: Iterable[list[Content]], max_megapixels: int
) -> Iterator[tuple[bytes, Outcome]]:
    """The models' outcome for each file of *chunks*, in order.

    *chunks* are read as needed: at most two per worker are in memory at a time.
    """
    workers = cores()
    waiting: deque[tuple[list[bytes], Future[list[Outcome]]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="faces") as pool:
        for chunk in chunks:
            digests = [digest for digest, _ in chunk]
            waiting.append((digests, pool.submit(models.analyse, chunk, max_megapixels)))
            if len(waiting) >= 2 * workers:
                yield from _results(*waiting.popleft())
        while waiting:
            yield from _results(*waiting.popleft())


def _results(
    digests: list[bytes], future: Future[list[Outcome]]
) -> Iterator[tuple[bytes, Outcome]]:
    return zip(digests, future.result(), strict=True)


def in_chunks(contents: Iterable[Content], files: int) -> Iterator[list[Content]]:
    """Split *contents* into lists for one worker each, of at most *files* and CHUNK_BYTES."""
    chunk: list[Content] = []
    held = 0
    for digest, data in contents:
        if chunk and (len(chunk) == files or held + len(data) > CHUNK_BYTES):
            yield chunk
            chunk, held = [], 0
        chunk.append((digest, data))
        held += len(data)
    if chunk:
        yield chunk
