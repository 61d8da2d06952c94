"""Two hundred judgements through backup, restore elsewhere, renamed photos and another model."""

import hashlib
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from index.counting.judgements import Judgements
from index.database.engine import Database
from index.database.queries import judgements
from index.database.queries.judgements import NewJudgement
from index.database.states import Verdict
from index.library.judgements import record, undo
from ingest.interfaces import DetectedFace, RgbImage
from ingest.jobs import reindex
from ingest.networks.models import Models
from tests.commands.conftest import Run, fill, write_config
from tests.fakes import DECODERS, FakeDetector, FakeEncoder, save_picture
from tests.index.builders import ask

PHOTOS, PEOPLE, SAID, UNDONE = 30, 12, 200, 20
BLIND = 3  # the photo in which the new model's detector finds nothing
QUESTIONS = [random.Random(seed).sample(range(PHOTOS), 8) for seed in range(3)]


class OtherDetector(FakeDetector):
    """Draws other boxes, and finds nothing in one photo."""

    def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
        """See FakeDetector."""
        found = super().detect(images)
        return [
            [] if image[-1, 0, 0] == BLIND else [moved(face) for face in faces]  # its seed
            for image, faces in zip(images, found, strict=True)
        ]


def moved(face: DetectedFace) -> DetectedFace:
    x1, y1, x2, y2 = face.box
    return DetectedFace((x1 + 4, y1 - 3, x2 + 7, y2 + 5), face.probability, face.landmarks)


def say(data: Path) -> None:
    """Say SAID things at random that do not contradict each other, and undo some."""
    chance = random.Random(19)
    with Database(data / "person_count.db") as database:
        ids = [int(str(row[0])) for row in ask(database, "SELECT id FROM faces ORDER BY id")]
        with database.write() as connection:
            known = judgements.faces_by_id(connection, ids)
            record(connection, [NewJudgement(Verdict.NOT_A_PERSON, (known.pop(ids[0]),))], 1.0, "a")
            held = Judgements.of(judgements.all_rows(connection))
            while len(held.rows) < SAID:
                verdict = chance.choice([Verdict.SAME, *[Verdict.DIFFERENT] * 9])
                new = NewJudgement(verdict, tuple(chance.sample(sorted(known.values()), 2)))
                if held.equal_to(new) is None and not held.contradiction(new):
                    held.take(*record(connection, [new], 1.0, "ann"))
            for number in chance.sample(sorted(held.rows)[1:], UNDONE):
                undo(connection, number, 2.0, "bob")


def listed(run: Run, config: Path) -> dict[str, bool]:
    """The lines of the judgements that hold, and whether each finds no face."""
    lines = run("judgements", "list", "--config", config).out.splitlines()
    mark = "  (finds no face)"
    return {line.removesuffix(mark): line.endswith(mark) for line in lines}


def counts(run: Run, config: Path, names: list[str]) -> list[str]:
    """The answers to some questions about photos."""
    inbox = config.parent / "inbox"
    return [
        run("count", *[inbox / names[place] for place in asked], "--config", config).out
        for asked in QUESTIONS
    ]


def test_every_answer_is_as_before_or_explained(
    run: Run, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox, chance = config.parent / "inbox", random.Random(1)
    names = [f"{number}.png" for number in range(PHOTOS)]
    for number, name in enumerate(names):
        save_picture(inbox / name, *chance.sample(range(PEOPLE), 1 + number % 2), seed=number)
    fill(inbox, config.parent / "data")
    unjudged = counts(run, config, names)
    say(config.parent / "data")
    said, before = listed(run, config), counts(run, config, names)
    assert len(said) == SAID - UNDONE
    assert set(said.values()) == {False}
    assert before != unjudged

    # another machine with another folder, where the photos have other names
    assert run("backup", tmp_path / "monday.db", "--config", config).code == 0
    (tmp_path / "elsewhere" / "inbox" / "deep").mkdir(parents=True)
    there = write_config(tmp_path / "elsewhere")
    renamed = [f"deep/photo {PHOTOS - number}.png" for number in range(PHOTOS)]
    for name, new in zip(names, renamed, strict=True):
        shutil.copy(inbox / name, there.parent / "inbox" / new)
    restored = run("restore", tmp_path / "monday.db", "--config", there)
    assert restored.code == 0, restored.err
    fill(there.parent / "inbox", there.parent / "data")
    assert listed(run, there) == said
    assert counts(run, there, renamed) == before

    # another model, whose detector draws other boxes and misses a photo
    models = Models(OtherDetector(), FakeEncoder("fake-2", 5), DECODERS)
    monkeypatch.setattr(reindex, "load_models", lambda *_: models)
    done = run("reindex", "--config", there)
    assert done.code == 0, done.err
    marked = listed(run, there)
    assert list(marked) == list(said)
    missed = hashlib.sha256((inbox / names[BLIND]).read_bytes()).hexdigest()[:12]
    lost = [line.split()[0] for line in marked if missed in line]
    assert lost == [line.split()[0] for line, is_lost in marked.items() if is_lost]
    told = f"these judgements no longer find their face, and are kept: {', '.join(lost)}\n"
    assert told in done.out
    for asked, old, new in zip(QUESTIONS, before, counts(run, there, renamed), strict=True):
        assert old == new or BLIND in asked
    assert run("verify", "--config", there).code == 0
