"""Judgements as JSON lines, by content: they move to another library with the same photos."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from index.base.errors import ConfigError, RequestError
from index.counting.judgements import Judgements
from index.database.queries import judgements
from index.database.queries.judgements import JudgedFace, JudgementRow, NewJudgement
from index.database.states import JUDGING, Verdict
from index.library.judgements import ContradictionError, check_note, faces_judged, record_beside

AUTHOR = "command line"
_SHA256_DIGITS = 64


def line_of(row: JudgementRow) -> str:
    """A judgement as one line of JSON."""
    return json.dumps(
        {
            "verdict": row.verdict,
            "faces": [{"sha256": face.sha256.hex(), "box": face.box} for face in row.faces],
            "at": row.at,
            "author": row.author,
            **({"note": row.note} if row.note else {}),
        },
        ensure_ascii=False,
    )


def parse_lines(lines: Iterable[str]) -> Iterator[NewJudgement]:
    """The judgements in *lines*; empty lines are passed over.

    Raises:
        ConfigError: a line is no judgement; it says which.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _parsed(json.loads(line))
        except (ValueError, TypeError, KeyError, RecursionError, RequestError) as error:
            raise ConfigError(
                f"line {number} is no judgement; a line looks like the output of "
                "person-count judgements export"
            ) from error


def _parsed(found: Mapping[str, Any]) -> NewJudgement:
    verdict = Verdict(found["verdict"])
    named = tuple(_face(face) for face in found["faces"])
    if verdict not in JUDGING or len(named) != faces_judged(verdict):
        raise ValueError
    note = found.get("note")
    return NewJudgement(verdict, named, check_note(note) if note else None)


def _face(found: Mapping[str, Any]) -> JudgedFace:
    digest = found["sha256"]
    x1, y1, x2, y2 = (float(edge) for edge in found["box"])
    is_box = all(map(math.isfinite, (x1, y1, x2, y2))) and x1 < x2 and y1 < y2
    if len(digest) != _SHA256_DIGITS or not is_box:
        raise ValueError
    return JudgedFace(bytes.fromhex(digest), (x1, y1, x2, y2))


@dataclass(slots=True)
class Imported:
    """The outcome of an import.

    Attributes:
        added: those that are new here.
        known: how many were there already.
        forgotten: how many name a photo that must not be indexed, and were not taken.
        contradictions: why others were not taken, one sentence each.
    """

    added: list[JudgementRow] = field(default_factory=list)
    known: int = 0
    forgotten: int = 0
    contradictions: list[str] = field(default_factory=list)


def import_judgements(
    connection: Connection,
    new: Sequence[NewJudgement],
    suppressed: set[bytes],
    at: float,
    author: str = AUTHOR,
) -> Imported:
    """Add every judgement that contradicts none, in a write transaction.

    Args:
        suppressed: SHA-256 of content that was forgotten.
    """
    found = Imported()
    held = Judgements.of(judgements.all_rows(connection))
    last = judgements.version(connection)[0]
    for one in new:
        if any(face.sha256 in suppressed for face in one.faces):
            found.forgotten += 1
            continue
        try:
            row = record_beside(held, connection, one, at, author)
        except ContradictionError as error:
            found.contradictions.append(str(error))
            continue
        if row.id > last:
            found.added.append(row)
            last = row.id
        else:
            found.known += 1
    return found
