"""evaluate --judgements: how many of them a count would get right by itself."""

import json
from pathlib import Path

import pytest

from index.database.engine import Database
from index.database.queries import judgements
from index.database.queries.judgements import NewJudgement
from index.database.states import Verdict
from index.library.judgements import record
from tests.commands.conftest import Run, fill
from tests.fakes import save_picture
from tests.index.builders import ask


@pytest.fixture
def judged(library: Path) -> None:
    """One true judgement of each kind, a false one, and one on a photo that went."""
    gone = save_picture(library / "gone.png", 9, seed=9)
    fill(library, library.parent / "data")
    with Database(library.parent / "data" / "person_count.db") as database:
        rows = ask(
            database,
            "SELECT faces.id, path FROM faces JOIN files USING (image_id) ORDER BY path, x1",
        )
        ids = [int(str(row[0])) for row in rows]
        assert [Path(str(row[1])).stem for row in rows] == [
            "both",
            "both",
            "gone",
            "one",
            "third",
            "two",
        ]
        first, second, went, one, third, two = ids
        with database.write() as connection:
            known = judgements.faces_by_id(connection, ids)
            said = [
                (Verdict.SAME, first, one),
                (Verdict.DIFFERENT, first, second),
                (Verdict.SAME, third, two),
                (Verdict.DIFFERENT, went, two),
            ]
            new = [NewJudgement(what, (known[a], known[b])) for what, a, b in said]
            new.append(NewJudgement(Verdict.NOT_A_PERSON, (known[went],)))
            record(connection, new, 1.0, "ann")
    gone.unlink()
    with Database(library.parent / "data" / "person_count.db") as database, database.write() as c:
        c.exec_driver_sql("DELETE FROM faces WHERE id = ?", (went,))


@pytest.mark.usefixtures("judged")
@pytest.mark.parametrize("linkage", ["evidence", "supported", "complete"])
def test_it_says_how_many_a_count_gets_right_by_itself(
    run: Run, config: Path, linkage: str
) -> None:
    asked = ("evaluate", "--judgements", "--linkage", linkage, "--config", config)
    done = run(*asked, "--json", "--threshold", "0.21")
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    [model] = document["models"]
    right = {one.pop("threshold"): one for one in model.pop("right")}
    assert model == {"model": "fake-1", "same": 2, "different": 1, "lost": 1}
    assert len(right) == 10
    assert right[0.21] == right[0.2] == {"same": 1, "different": 1}
    printed = run(*asked)
    assert "3 judgements on two faces, by fake-1; 1 more find no face" in printed.out
    assert "no false match rate follows from them" in printed.out


@pytest.mark.usefixtures("library")
def test_without_judgements_or_with_a_folder_it_says_what_to_do(run: Run, config: Path) -> None:
    for given, sentence in (
        (("--judgements",), "nobody has said yet"),
        (("--judgements", "photos"), "give no folder"),
        ((), "name a folder of labelled photos"),
    ):
        done = run("evaluate", *given, "--config", config)
        assert (done.code, done.out) == (1, "")
        assert sentence in done.err
