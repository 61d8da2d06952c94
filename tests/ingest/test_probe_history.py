"""Any history of a drop folder ends with the rows, vectors and answers of its last state."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from index.database import Database, migrate
from index.schema import GenerationState
from index.settings import Settings
from index.space import UNMEASURED
from index.store import generations, queue
from index.verify import verify
from tests.fakes import save_picture
from tests.ingest.conftest import Ingest

NAMES = ["a.png", "b.png", "c.png", "in/a.png", "in/b.png", "张 三.png"]
names = st.sampled_from(NAMES)
groups = st.sets(st.integers(1, 6), max_size=3).map(lambda people: tuple(sorted(people)))


class History(RuleBasedStateMachine):
    """What a user, the scanner, the worker, a crash and housekeeping do, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        settings = Settings(
            inbox=self.folder / "inbox",
            data=self.folder / "data",
            settle_seconds=0.0,
            batch_files=2,
        )
        (settings.inbox / "in").mkdir(parents=True)
        migrate(settings.database_path)
        self.database = Database(settings.database_path)
        with self.database.write() as connection:
            generation = generations.create(
                connection,
                model_id="fake-1",
                weights="fake",
                profile=UNMEASURED.to_json(),
                state=GenerationState.ACTIVE,
                now=0.0,
            )
        self.ingest = Ingest(self.database, settings, generation)
        self.inbox = settings.inbox
        self.shown: dict[str, tuple[int, ...] | None] = {}  # None: no image
        self.seed = 0

    def teardown(self) -> None:
        try:
            self.settle_down()
        finally:
            self.database.close()
            shutil.rmtree(self.folder)

    # --- the user ---

    @rule(name=names, people=groups)
    def drop(self, name: str, people: tuple[int, ...]) -> None:
        self.seed += 1
        save_picture(self.inbox / name, *people, seed=self.seed)
        self.shown[name] = people

    @rule(name=names)
    def spoil(self, name: str) -> None:
        self.seed += 1
        (self.inbox / name).write_text(f"no image {self.seed}")
        self.shown[name] = None

    @precondition(lambda self: self.shown)
    @rule(data=st.data(), onto=names)
    def move(self, data: st.DataObject, onto: str) -> None:
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

    @rule()
    def crash(self) -> None:
        """A worker dies with files in hand; the next one takes them back."""
        with self.database.write() as connection:
            queue.claim(connection, 2, self.ingest.clock())
        with self.database.write() as connection:
            queue.release(connection, self.ingest.clock())

    @rule()
    def keep_house(self) -> None:
        self.ingest.drop_orphans()

    @rule()
    def settle_down(self) -> None:
        """Once all is done, the library is what the folder is."""
        self.ingest.clock.advance(10_000)  # also past what a crash puts aside for a while
        self.ingest.index()
        expected = {
            name: "failed" if people is None else "indexed" for name, people in self.shown.items()
        }
        assert self.ingest.states() == expected
        good = {name: people for name, people in self.shown.items() if people is not None}
        if good:
            everybody = set().union(*good.values())
            assert self.ingest.persons(*good) == len(everybody)
            name, people = next(iter(good.items()))
            assert self.ingest.persons(name) == len(people)
        self.ingest.check()

    # --- always ---

    @invariant()
    def rows_fit_together(self) -> None:
        assert verify(self.database).problems == []

    @invariant()
    def nothing_in_use_is_an_orphan(self) -> None:
        used = {row.image_id for row in self.ingest.rows().values()} - {None}
        assert used.isdisjoint(self.ingest.orphans())


History.TestCase.settings = effort(
    max_examples=150, stateful_step_count=40, deadline=None, database=None
)
TestHistory = History.TestCase
