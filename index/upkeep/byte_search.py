"""Searches the bytes of files for remains of erased vectors.

A page of the database may cut a stored vector in two, or a part of it may have been overwritten.
So the search looks for several pieces of 16 bytes of each vector.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.base.arrays import FloatMatrix
from index.base.errors import StoreError
from index.base.progress import Progress

PIECE_FLOATS = 4  # 16 bytes: two vectors do not share them by chance
STEP_FLOATS = 128  # four pieces of a vector of 512
BLOCK_BYTES = 16 << 20
_BITS = 22
_SPREAD = np.uint32(2654435761)


def pieces(vectors: FloatMatrix) -> set[bytes]:
    """The pieces to search for, of each of *vectors* (n, d), raw or unit.

    Pieces that hold a zero are left out, since empty pages are full of zeros.
    """
    found: set[bytes] = set()
    for start in range(0, vectors.shape[1] - PIECE_FLOATS + 1, STEP_FLOATS):
        part = np.ascontiguousarray(vectors[:, start : start + PIECE_FLOATS], dtype="<f4")
        found.update(row.tobytes() for row in part[np.all(part != 0, axis=1)])
    return found


def halves(digests: Collection[bytes]) -> set[bytes]:
    """The halves of SHA-256 *digests*: find them in copies whose vectors another model made."""
    return {digest[start : start + 16] for digest in digests for start in (0, 16)}


def files_below(folder: Path) -> list[Path]:
    """All files below *folder*; links to folders are not followed.

    Raises:
        StoreError: a file or a folder cannot be read, and so not be searched.
    """

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise _unreadable(error.filename)

    found: list[Path] = []
    for top, _, names in os.walk(folder, onerror=refuse):
        found += [Path(top) / name for name in names]
    for path in found:
        if path.is_file() and not os.access(path, os.R_OK):
            raise _unreadable(path)
    return found


def _unreadable(path: Path | str) -> StoreError:
    return StoreError(f"{path} cannot be read, and so not be searched; chown it to this user")


def search(paths: Sequence[Path], wanted: set[bytes], progress: Progress) -> dict[Path, set[bytes]]:
    """The *wanted* pieces found in each file; files with none are left out.

    *progress* counts MiB.
    """
    total = sum(path.stat().st_size for path in paths if path.is_file()) >> 20
    filter_ = _filter(wanted)
    found: dict[Path, set[bytes]] = {}
    done = 0
    for path in paths:
        for block in _blocks(path):
            if hits := _hits(block, wanted, filter_):
                found.setdefault(path, set()).update(hits)
            done += len(block)
            progress(min(done >> 20, total), total)
    return found


def _blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file in blocks, which overlap by a piece; none if it is gone or special."""
    overlap = PIECE_FLOATS * 4 - 1
    if not path.is_file():
        return
    try:
        with open(path, "rb") as stream:
            tail = b""
            while data := stream.read(BLOCK_BYTES):
                yield tail + data
                tail = data[-overlap:]
    except FileNotFoundError:
        return  # the write-ahead log disappears when the last connection closes


def _filter(wanted: set[bytes]) -> NDArray[np.bool_]:
    """Whether a piece may begin with a word, by the word's hash."""
    first = np.frombuffer(b"".join(piece[:4] for piece in wanted), "<u4")
    table = np.zeros(1 << _BITS, np.bool_)
    table[_hash(first)] = True
    return table


def _hash(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    spread: NDArray[np.uint32] = (words * _SPREAD) >> np.uint32(32 - _BITS)
    return spread


def _hits(block: bytes, wanted: set[bytes], filter_: NDArray[np.bool_]) -> set[bytes]:
    found: set[bytes] = set()
    for phase in range(4):  # a record may begin at any byte
        words = np.frombuffer(block, "<u4", (len(block) - phase) // 4, phase)
        for position in np.flatnonzero(filter_[_hash(words)]):
            start = 4 * int(position) + phase
            piece = block[start : start + 4 * PIECE_FLOATS]
            if piece in wanted:
                found.add(piece)
    return found
