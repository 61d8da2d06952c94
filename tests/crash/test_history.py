"""Any history of a drop folder, with crashes, ends with the rows and answers of its last state."""

import os
import shutil
import tempfile
import threading
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import event

from index.base.errors import RequestError
from index.base.settings import Settings
from index.counting.answer import Answer
from index.counting.question import build_question
from index.database.engine import Database
from index.database.queries import generations, judgements, queue
from index.database.queries.judgements import JudgedFace, JudgementRow, NewJudgement
from index.database.states import JUDGING, Verdict
from index.library.judgements import faces_judged, judgements_of, record, undo
from index.library.known_files import FileStatus, queue_wanted
from index.upkeep.verify import verify
from index.vectors import chunks, snapshot_writer
from index.vectors.space import stored_vector_space
from ingest.jobs import reindex as reindex_module
from ingest.jobs import worker as worker_module
from ingest.jobs.reindex import Reindexer, remove_retired
from service.answering.answerer import ANY
from service.answering.follower import Follower
from service.answering.library_reader import LibraryReader
from tests.crash.crashing import PLACES, crashing
from tests.crash.launcher import models_of
from tests.crash.oracle import components
from tests.fakes import save_picture
from tests.index.builders import fake_generation, open_copy
from tests.ingest.builders import Clock, Ingest
from tests.spaces import UNMEASURED

NAMES = ["a.png", "b.png", "c.png", "in/a.png", "in/b.png", "张 三.png"]
MODELS = ["one", "two"]
names = st.sampled_from(NAMES)
groups = st.sets(st.integers(1, 6), max_size=3).map(lambda people: tuple(sorted(people)))


class History(RuleBasedStateMachine):
    """What a user, callers, the program's parts and crashes do, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.settings = Settings(
            inbox=self.folder / "inbox",
            data=self.folder / "data",
            settle_seconds=0.0,
            batch_files=2,
            model=MODELS[0],
        )
        for place in (self.settings.inbox / "in", self.settings.data):
            place.mkdir(parents=True)
        self.patches = ExitStack()
        self.patches.enter_context(patch.object(chunks, "CHUNK_FACES", 2))
        self.patches.enter_context(patch.object(reindex_module, "REMOVE_FACES", 2))
        for module, name in ((reindex_module, "load_models"), (worker_module, "load_generation")):
            self.patches.enter_context(patch.object(module, name, self._load))
        self.clock = Clock()
        self.inbox = self.settings.inbox
        self.shown: dict[str, tuple[int, ...] | None] = {}  # None: no image
        self.said: dict[int, JudgementRow] = {}  # and not undone, by id
        self.seed = 0
        database = open_copy(self.settings.database_path)
        with database.write() as connection:
            fake_generation(connection, models_of(MODELS[0]).encoder.model_id, model=MODELS[0])
        database.close()
        self.start()

    @staticmethod
    def _load(_settings: object, what: object) -> object:
        return models_of(what if isinstance(what, str) else what.model)

    def start(self) -> None:
        """Start the program on whatever is there."""
        self.database = Database(self.settings.database_path)
        event.listen(
            self.database._writer, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF")
        )
        with self.database.write() as connection:
            queue.release(connection, self.clock())
        with self.database.read() as connection:
            generation = generations.active(connection)
        assert generation is not None
        self.ingest = Ingest(
            self.database, self.settings, generation, models_of(generation.model), self.clock
        )
        self.follower = Follower(self.database, self.settings.distance)
        self.reader = LibraryReader(
            self.database, self.settings.resolve_roots(), self.follower, self.settings
        )

    def teardown(self) -> None:
        try:
            self.settle_down()
        finally:
            self.database.close()
            self.patches.close()
            shutil.rmtree(self.folder)

    # --- the user ---

    @rule(name=names, people=groups)
    def drop(self, name: str, people: tuple[int, ...]) -> None:
        self.seed += 1
        save_picture(self.inbox / name, *people, seed=self.seed)
        self.shown[name] = people

    @precondition(lambda self: self.shown)
    @rule(data=st.data(), people=groups)
    def overwrite(self, data: st.DataObject, people: tuple[int, ...]) -> None:
        """Write into the file itself, which keeps its inode."""
        name = data.draw(st.sampled_from(sorted(self.shown)))
        self.seed += 1
        made = save_picture(self.inbox / ".made.png", *people, seed=self.seed)
        (self.inbox / name).write_bytes(made.read_bytes())
        self.stamp(name)
        self.shown[name] = people

    @precondition(lambda self: self.shown)
    @rule(data=st.data())
    def truncate(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.shown)))
        with open(self.inbox / name, "r+b") as stream:
            stream.truncate(50)
        self.stamp(name)
        self.shown[name] = None

    def stamp(self, name: str) -> None:
        """Give a file a time of its own: two writes within a tick of the kernel share one."""
        self.seed += 1
        moment = os.stat(self.inbox / name).st_mtime_ns + self.seed
        os.utime(self.inbox / name, ns=(moment, moment))

    @precondition(lambda self: self.shown)
    @rule(data=st.data(), onto=names)
    def rename(self, data: st.DataObject, onto: str) -> None:
        source = data.draw(st.sampled_from(sorted(self.shown)))
        (self.inbox / source).replace(self.inbox / onto)
        self.shown[onto] = self.shown.pop(source)

    @precondition(lambda self: self.shown)
    @rule(data=st.data(), onto=names)
    def copy(self, data: st.DataObject, onto: str) -> None:
        source = data.draw(st.sampled_from(sorted(self.shown)))
        if source != onto:
            shutil.copy(self.inbox / source, self.inbox / onto)
            self.shown[onto] = self.shown[source]

    @precondition(lambda self: self.shown)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.shown)))
        (self.inbox / name).unlink()
        del self.shown[name]

    # --- callers ---

    @rule(asked=st.lists(names, min_size=1, max_size=4, unique=True))
    def query(self, asked: list[str]) -> None:
        """Whatever is answered now is right now; the rest says that it is pending."""
        question = build_question({"filepath": asked, "linkage": ["single"]}, self.settings)
        look = self.reader.answer(question, ANY, is_long=True)
        queue_wanted(self.database, look.wanted, self.settings.settle_seconds)
        for file in look.files:
            if file.status is FileStatus.UNKNOWN:
                assert file.name not in self.shown
            elif file.status is FileStatus.FAILED:
                assert self.shown[file.name] is None or "ended" in (file.reason or "")
            elif file.status is FileStatus.COUNTED:
                assert self.shown[file.name] is not None
        assert look.reply is not None
        found = [self.shown[file.name] for file in look.files if file.status is FileStatus.COUNTED]
        if look.reply.judgements:
            assert look.reply.answer.person_num == self.as_people_said(look.reply.answer)
        else:
            assert look.reply.answer.person_num == self.brute_force(found)

    def as_people_said(self, answer: Answer) -> int:
        """Fail if the answer does not keep to what people said; else its number of persons."""
        with self.database.read() as connection:
            held = judgements_of(connection)
            known = judgements.faces_by_id(connection, [face.id for face in answer.faces])
        person = {}
        for number, face in enumerate(answer.faces):
            judged = held.known(known[face.id])
            if judged in held.of_face:
                person[judged] = int(answer.person_of[number])
        for row in held.rows.values():
            mine = [person[face] for face in row.faces if face in person]
            assert row.verdict is not Verdict.NOT_A_PERSON or not mine
            if len(mine) == 2:
                assert (mine[0] == mine[1]) == (row.verdict is Verdict.SAME)
        return answer.person_num

    def brute_force(self, shown: list[tuple[int, ...] | None]) -> int:
        """The persons on pictures, counted over the vectors that the models give."""
        faces = []
        for people in shown:
            [image] = models_of(MODELS[0]).analyse([(b"", picture_bytes(people or ()))], 50)
            assert not isinstance(image, Exception)
            faces += [face.embedding for face in image.faces]
        return components(faces, UNMEASURED)

    @precondition(lambda self: self.faces())
    @rule(data=st.data(), verdict=st.sampled_from(JUDGING), crashes=st.booleans())
    def judge(self, data: st.DataObject, verdict: Verdict, crashes: bool) -> None:
        """Say something of faces that are known now; a crash before the commit leaves nothing."""
        number = faces_judged(verdict)
        faces = data.draw(st.lists(st.sampled_from(self.faces()), min_size=number, max_size=number))
        new = NewJudgement(verdict, tuple(faces))
        try:
            with self.database.write() as connection:
                said = record(connection, [new], self.clock(), "ann")
                if crashes:
                    raise RequestError(HTTPStatus.IM_A_TEAPOT, "crashed")
        except RequestError:
            return  # it contradicts earlier ones, or names one face twice
        self.said |= {row.id: row for row in said}

    @precondition(lambda self: self.said)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.said)))
        with self.database.write() as connection:
            undo(connection, number, self.clock(), "bob")
        del self.said[number]

    def faces(self) -> list[JudgedFace]:
        """Every face of the active generation, by its content."""
        with self.database.read() as connection:
            ids = connection.exec_driver_sql("SELECT id FROM faces").scalars().all()
            return sorted(judgements.faces_by_id(connection, ids).values())

    # --- the program ---

    @rule()
    def scan(self) -> None:
        self.ingest.scanner.scan()

    @rule(some=st.lists(names, max_size=3))
    def examine(self, some: list[str]) -> None:
        self.ingest.scanner.examine([str(self.inbox / name) for name in some])

    @rule()
    def step(self) -> None:
        self.ingest.worker.step()

    @rule(people=groups)
    def step_while_it_changes(self, people: tuple[int, ...]) -> None:
        """A file is replaced, and that is noted, between its reading and the commit."""
        original = worker_module.Worker._process

        def process(worker: worker_module.Worker, claims: list[queue.Claim]) -> object:
            batch = original(worker, claims)
            name = os.path.relpath(claims[0].path, self.inbox)
            self.drop(name, people)
            self.examine([name])
            return batch

        with patch.object(worker_module.Worker, "_process", process):
            self.step()

    @rule()
    def follow(self) -> None:
        self.follower._update()

    @rule()
    def snapshot(self) -> None:
        active = self.ingest.active()
        space = stored_vector_space(active.profile)
        snapshot_writer.write_snapshot(self.database, active.id, space, self.clock())

    @rule()
    def keep_house(self) -> None:
        self.ingest.drop_orphans()
        remove_retired(self.database)

    @rule(model=st.sampled_from(MODELS))
    def reindex(self, model: str) -> None:
        Reindexer(self.database, self.settings, model, threading.Event()).run(lambda *_: None)

    @rule()
    def restart(self) -> None:
        self.database.close()
        self.start()

    @rule(
        what=st.sampled_from(["scan", "step", "snapshot", "keep_house", "reindex"]),
        place=st.sampled_from(PLACES),
        before=st.booleans(),
    )
    def crash(self, what: str, place: tuple[object, str], before: bool) -> None:
        arguments = (MODELS[1],) if what == "reindex" else ()
        with crashing(*place, before=before):
            getattr(self, what)(*arguments)
        self.restart()

    @rule()
    def settle_down(self) -> None:
        """Once all is done, the library is what the folder is."""
        self.clock.advance(10_000)  # also past what a crash puts aside for a while
        self.ingest.index()
        expected = {
            name: "failed" if people is None else "indexed" for name, people in self.shown.items()
        }
        assert self.ingest.states() == expected
        good = [name for name, people in self.shown.items() if people is not None]
        for asked in (good, *([name] for name in good)):
            if asked:
                self.query(asked)
        self.ingest.check()

    # --- always ---

    @invariant()
    def rows_fit_together(self) -> None:
        assert verify(self.database).problems == []

    @invariant()
    def what_people_said_holds(self) -> None:
        with self.database.read() as connection:
            assert judgements_of(connection).rows == self.said

    @invariant()
    def nothing_in_use_is_an_orphan(self) -> None:
        used = {row.image_id for row in self.ingest.rows().values()} - {None}
        assert used.isdisjoint(self.ingest.orphans())


def picture_bytes(people: tuple[int, ...]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return save_picture(Path(folder) / "it.png", *people).read_bytes()


History.TestCase.settings = effort(
    max_examples=25, stateful_step_count=30, deadline=None, derandomize=True, database=None
)
TestHistory = History.TestCase
TestHistory.pytestmark = [pytest.mark.timeout(600)]
