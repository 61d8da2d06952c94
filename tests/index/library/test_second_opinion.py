"""What a second model says of an answer: where it parts a person, where it joins two."""

import threading

import pytest

from index.base.choices import DistanceScale
from index.base.settings import Settings
from index.counting.answer import Answer, answer_question
from index.counting.question import build_question
from index.database.engine import Database
from index.database.queries import embeddings
from index.database.queries.faces import faces_of
from index.library import second_opinion as module
from index.library.second_opinion import SecondOpinion, second_opinion
from index.vectors.space import stored_space
from ingest.jobs import beside
from ingest.networks.models import Models
from tests.fakes import fake_models, hasty_models
from tests.index.builders import fake_generation
from tests.ingest.builders import Ingest

PHOTOS = {"a.png": (2,), "b.png": (3,), "both.png": (2, 3), "c.png": (8,)}


class Library:
    """An indexed library with a second model beside."""

    def __init__(self, ingest: Ingest) -> None:
        self.ingest = ingest

    def index_beside(self, models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(beside, "load_models", lambda *_: models)
        arguments = self.ingest.database, self.ingest.settings, "fake", threading.Event()
        assert beside.BesideIndexer(*arguments).run(lambda *_: None) is not None

    def opinion(self, **options: str) -> tuple[Answer, SecondOpinion | None]:
        """The answer about all photos, and what the second model says of it."""
        given = {"filepath": list(PHOTOS), **{name: [text] for name, text in options.items()}}
        question = build_question(given, self.ingest.settings)
        active = self.ingest.active()
        with self.ingest.database.read() as connection:
            images = [row.image_id for row in self.ingest.rows().values()]
            faces = faces_of(connection, active.id, sorted(i for i in images if i is not None))
            _, raw = embeddings.embeddings_of(connection, active.id, [face.id for face in faces])
            space = stored_space(active.profile, DistanceScale.CALIBRATED)
            answer = answer_question(question, faces, [], space.unit(raw), space)
            return answer, second_opinion(connection, question, answer, active.model_id, space)


def library_of(database: Database, settings: Settings, models: Models) -> Library:
    with database.write() as connection:
        generation = fake_generation(connection, models.encoder.model_id)
    ingest = Ingest(database, settings, generation, models)
    for number, (name, people) in enumerate(PHOTOS.items()):
        ingest.drop(name, *people, seed=number)
    ingest.index()
    return Library(ingest)


def names(library: Library, parts: tuple[tuple[int, ...], ...]) -> list[list[str]]:
    """The photos of the faces, instead of their ids."""
    by_image = {row.image_id: name for name, row in library.ingest.rows().items()}
    with library.ingest.database.read() as connection:
        active = library.ingest.active()
        faces = faces_of(connection, active.id, [i for i in by_image if i is not None])
    of_face = {face.id: by_image[face.image_id] for face in faces}
    return [sorted(of_face[number] for number in part) for part in parts]


def test_persons_whom_it_takes_for_one_are_joined(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = library_of(database, settings, fake_models())
    library.index_beside(hasty_models(), monkeypatch)
    answer, found = library.opinion()
    assert answer.person_num == 3
    assert found is not None
    assert (found.model_id, found.person_num, found.photos_missing) == ("hasty-1", 2, 0)
    assert found.parted == ()
    (joined,) = found.joined
    assert names(library, joined) == [["a.png", "both.png"], ["b.png", "both.png"]]


def test_a_person_whom_it_takes_for_several_is_parted(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = library_of(database, settings, hasty_models("fake-1"))
    library.index_beside(fake_models("exact-1"), monkeypatch)
    answer, found = library.opinion()
    assert answer.person_num == 2
    assert found is not None
    assert (found.person_num, found.joined) == (3, ())
    (parted,) = found.parted
    assert names(library, parted) == [["a.png", "both.png"], ["b.png", "both.png"]]


def test_two_models_that_agree_differ_nowhere(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = library_of(database, settings, fake_models())
    library.index_beside(fake_models("fake-2", salt=9), monkeypatch)
    _, found = library.opinion()
    assert found == SecondOpinion("fake-2", 3)


def test_it_answers_the_same_question(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its persons, too, must appear in so many photos."""
    library = library_of(database, settings, fake_models())
    library.index_beside(hasty_models(), monkeypatch)
    answer, found = library.opinion(min_photos="2")
    assert answer.person_num == 2
    assert found is not None
    assert found.person_num == 1


def test_photos_that_it_has_not_seen_are_told(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = library_of(database, settings, fake_models())
    library.index_beside(hasty_models(), monkeypatch)
    library.ingest.drop("d.png", 20, seed=9)
    library.ingest.index()
    answer, found = library.opinion()
    assert answer.person_num == 4
    assert found is not None
    assert (found.person_num, found.photos_missing) == (2, 1)


def test_a_library_of_one_model_has_none(database: Database, settings: Settings) -> None:
    assert library_of(database, settings, fake_models()).opinion()[1] is None


def test_too_many_faces_get_none_and_a_reason(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = library_of(database, settings, fake_models())
    library.index_beside(hasty_models(), monkeypatch)
    monkeypatch.setattr(module, "DENSE_FACES", 4)
    assert library.opinion()[1] == SecondOpinion("hasty-1", None, reason=module.TOO_MANY)
