"""What people said: found again by content, undone, refused when it contradicts."""

import hashlib
from itertools import permutations

import pytest
from sqlalchemy import Connection

from index.base.choices import FaceChoice
from index.base.errors import RequestError
from index.counting.judgements import Judgements, match
from index.database.engine import Database
from index.database.queries import judgements as rows
from index.database.queries.generations import GenerationRow
from index.database.queries.judgements import JudgedFace, JudgementRow, NewJudgement
from index.database.states import Verdict
from index.library.file_cache import cached_files
from index.library.judged_faces import judged_question, split_judged
from index.library.judgements import ContradictionError, judgements_of, record, undo
from index.upkeep.verify import verify
from tests.index.builders import by_hand, face_row, image, index_file

pytestmark = pytest.mark.engines

BOX = (0.0, 0.0, 60.0, 80.0)  # of every face that the builders make


def face(name: str, box: tuple[float, float, float, float] = BOX) -> JudgedFace:
    return JudgedFace(hashlib.sha256(name.encode()).digest(), box)


def same(one: str, other: str) -> NewJudgement:
    return NewJudgement(Verdict.SAME, (face(one), face(other)))


def different(one: str, other: str) -> NewJudgement:
    return NewJudgement(Verdict.DIFFERENT, (face(one), face(other)))


def no_person(one: str) -> NewJudgement:
    return NewJudgement(Verdict.NOT_A_PERSON, (face(one),))


def say(database: Database, *new: NewJudgement) -> list[int]:
    with database.write() as connection:
        return [row.id for row in record(connection, new, 1.0, "ann")]


def held(database: Database) -> Judgements:
    with database.read() as connection:
        return judgements_of(connection)


def test_a_judgement_is_kept_with_when_and_by_whom(database: Database) -> None:
    new = same("a", "b")._replace(note="brothers? no")
    with database.write() as connection:
        [row] = record(connection, [new], 7.5, "ann")
    assert row == JudgementRow(1, Verdict.SAME, new.faces, None, 7.5, "ann", "brothers? no")
    with database.read() as connection:
        assert rows.all_rows(connection) == [row]


def test_what_was_said_already_is_not_said_twice(database: Database) -> None:
    assert say(database, same("a", "b")) == say(database, same("b", "a")) == [1]
    assert say(database, no_person("c")) == say(database, no_person("c"))


@pytest.mark.parametrize(
    ("earlier", "new", "chain"),
    [
        ([same("a", "b")], different("a", "b"), (1,)),
        ([different("a", "b")], same("b", "a"), (1,)),
        ([same("a", "b"), same("b", "c")], different("a", "c"), (1, 2)),
        ([same("a", "b"), different("b", "c"), same("c", "d")], same("a", "d"), (1, 2, 3)),
        ([no_person("a")], same("a", "b"), (1,)),
        ([same("a", "b")], no_person("b"), (1,)),
    ],
)
def test_a_contradiction_is_refused_with_the_chain_that_leads_to_it(
    database: Database, earlier: list[NewJudgement], new: NewJudgement, chain: tuple[int, ...]
) -> None:
    say(database, *earlier)
    with pytest.raises(ContradictionError) as caught:
        say(database, different("y", "z"), new)
    assert caught.value.chain == chain
    assert ", ".join(map(str, chain)) in str(caught.value)
    assert len(held(database).rows) == len(earlier)  # all or nothing
    with database.write() as connection:
        undo(connection, chain[0], 2.0, "bob")
    say(database, new)
    assert verify(database).problems == []


def test_undone_is_as_if_never_said_and_can_be_said_again(database: Database) -> None:
    [number] = say(database, same("a", "b"))
    with database.write() as connection:
        row = undo(connection, number, 2.0, "bob")
    assert (row.verdict, row.undoes, row.author) == (Verdict.UNDO, number, "bob")
    assert not held(database)
    for wrong, status in ((number, 409), (row.id, 404), (99, 404)):
        with database.write() as connection, pytest.raises(RequestError) as caught:
            undo(connection, wrong, 3.0, "bob")
        assert caught.value.status == status
    assert say(database, same("a", "b")) == [row.id + 1]


def test_a_face_is_known_by_the_overlap_of_its_box(database: Database) -> None:
    say(database, same("a", "b"))
    moved = face("a", (3.0, 2.0, 61.0, 83.0))
    [second] = say(database, NewJudgement(Verdict.DIFFERENT, (moved, face("c"))))
    assert held(database).rows[second].faces[0] == face("a")
    elsewhere = face("a", (300.0, 2.0, 361.0, 83.0))
    [third] = say(database, NewJudgement(Verdict.DIFFERENT, (elsewhere, face("c"))))
    assert held(database).rows[third].faces[0] == elsewhere


def test_boxes_are_matched_once_the_best_first_whatever_their_order() -> None:
    boxes = [(0, 0, 10, 10), (3, 0, 13, 10), (50, 50, 60, 60)]
    others = [(1, 0, 11, 10), (4, 0, 14, 10), (80, 80, 90, 90)]
    for ours in permutations(range(3)):
        for theirs in permutations(range(3)):
            found = match([boxes[n] for n in ours], [others[n] for n in theirs])
            assert {ours[a]: theirs[b] for a, b in found.items()} == {0: 0, 1: 1}


def test_a_poster_does_not_make_the_people_beside_it_small() -> None:
    poster = face_row(1, box=(0, 0, 300, 400))
    people = [face_row(2, box=(300, 0, 350, 70)), face_row(3, box=(400, 0, 450, 70))]
    counted, left_out = split_judged([poster, *people], {1}, FaceChoice.KEY)
    assert counted == people
    assert left_out == [(poster, "not a person")]


@pytest.fixture
def three(database: Database, small: GenerationRow) -> list[str]:
    for name in ("a", "b", "c"):
        index_file(database, small.id, f"/{name}", image(name))
    return ["/a", "/b", "/c"]


def asked(connection: Connection, paths: list[str]) -> list[int] | None:
    """The groups that judgements make of the faces in files; None: nothing touches them."""
    found = cached_files(connection, paths)
    images = {number: one.judged for number, one in found.images.items()}
    named = [found.images[found.files[path].image_id or 0] for path in paths]
    faces = [face for one in named for face in one.faces]
    judged = judged_question(found.judgements, images, faces)
    return None if judged is None else judged.group.tolist()


def test_answers_see_a_judgement_at_the_next_look(database: Database, three: list[str]) -> None:
    with database.read() as connection:
        assert asked(connection, three) is None
    [number] = say(database, same("a", "b"))
    with database.read() as connection:
        one, other, third = asked(connection, three) or []
        assert one == other != third
        assert asked(connection, ["/a", "/c"]) is None
    with database.write() as connection:
        undo(connection, number, 2.0, "bob")
    with database.read() as connection:
        assert asked(connection, three) is None


@pytest.mark.usefixtures("three")
def test_same_holds_through_a_face_that_is_not_asked_about(database: Database) -> None:
    say(database, same("a", "b"), same("b", "c"))
    with database.read() as connection:
        one, other = asked(connection, ["/a", "/c"]) or []
    assert one == other


def test_verify_names_a_judgement_that_somebody_changed_by_hand(database: Database) -> None:
    say(database, same("a", "b"), different("b", "c"))
    by_hand(database, "UPDATE judgements SET verdict = 'same' WHERE id = 2")
    assert verify(database).problems == []
    by_hand(database, "UPDATE judgements SET verdict = 'not_a_person' WHERE id = 2")
    assert verify(database).problems == ["judgement 2 is no judgement not_a_person"]
    by_hand(database, "UPDATE judgements SET verdict = 'undo', undoes = 77 WHERE id = 2")
    assert verify(database).problems == ["judgement 2 undoes an entry that is not there"]
    by_hand(
        database,
        "INSERT INTO judgements SELECT 3, 'different', sha256, x1, y1, x2, y2, other_sha256,"
        " other_x1, other_y1, other_x2, other_y2, NULL, at, author, note FROM judgements"
        " WHERE id = 1",
    )
    by_hand(database, "DELETE FROM judgements WHERE id = 2")
    assert verify(database).problems == ["judgement 3 contradicts earlier ones"]
