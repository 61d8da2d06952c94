"""Re-indexes that are stopped or crash, and go on where they were; and several processes at one."""

from collections.abc import Sequence

import pytest

from index.base.errors import ModelUnavailableError
from index.database.queries import generations, image_batches
from index.upkeep.verify import verify
from ingest.interfaces import DetectedFace, RgbImage
from ingest.jobs import filling
from ingest.jobs.filling import BatchReader
from ingest.jobs.reindex import ReindexResult
from ingest.jobs.worker import Worker
from ingest.networks.models import Models
from tests.fakes import DECODERS, BusyDetector, FakeDetector, FakeEncoder, fake_models
from tests.index.builders import ask
from tests.ingest.builders import Ingest
from tests.ingest.leasing import at_work
from tests.ingest.reindexing import Reindexing, everybody, generation_states
from tests.waiting import wait_until

pytestmark = pytest.mark.engines


def test_stopped_it_changes_nothing_and_goes_on_where_it_was(reindexing: Reindexing) -> None:
    ingest = reindexing.ingest
    old = ingest.active()
    assert reindexing.run(reindexing.stop_at(4)) is None
    assert ingest.active() == old
    assert everybody(ingest) == 4
    assert verify(ingest.database).problems == []
    assert reindexing.images_seen == 4
    outcome = reindexing.run()
    assert outcome == ReindexResult("fake-2", images=8, faces=8, already_done=4)
    assert reindexing.images_seen == 8
    ingest.check()


def test_stopped_again_and_again_it_still_arrives(reindexing: Reindexing) -> None:
    for done in (0, 2, 4, 6):
        assert reindexing.run(reindexing.stop_at(done)) is None
    outcome = reindexing.run()
    assert outcome is not None
    assert outcome.already_done == 6
    assert reindexing.images_seen == 8
    reindexing.ingest.check()


def test_stopped_before_the_switch_it_has_only_the_switch_left(reindexing: Reindexing) -> None:
    assert reindexing.run(reindexing.stop_at(8)) is None
    outcome = reindexing.run()
    assert outcome == ReindexResult("fake-2", images=8, faces=8, already_done=8)
    assert reindexing.images_seen == 8


def test_a_crash_leaves_it_resumable(reindexing: Reindexing) -> None:
    class Crashing(FakeDetector):
        def detect(self, images: Sequence[RgbImage]) -> list[list[DetectedFace]]:
            found = super().detect(images)
            if self.images_seen > 4:
                raise RuntimeError("crash")
            return found

    whole = reindexing.models
    reindexing.models = Models(Crashing(), FakeEncoder("fake-2", salt=5), DECODERS)
    with pytest.raises(RuntimeError, match="crash"):
        reindexing.run()
    assert everybody(reindexing.ingest) == 4
    reindexing.models = whole
    outcome = reindexing.run()
    assert outcome is not None
    assert outcome.already_done == 4
    reindexing.ingest.check()


def test_another_model_abandons_what_was_begun(reindexing: Reindexing) -> None:
    assert reindexing.run(reindexing.stop_at(4)) is None
    reindexing.models = fake_models("fake-3", salt=7)
    outcome = reindexing.run()
    assert outcome == ReindexResult("fake-3", images=8, faces=8, already_done=0)
    assert list(generation_states(reindexing.ingest.database).values()) == ["active"]
    reindexing.ingest.check()


class Helper:
    """Another process's worker, which takes batches of a re-index."""

    def __init__(self, ingest: Ingest, models: Models | None = None, **changes: object) -> None:
        settings = ingest.settings.model_copy(update=changes)
        self.models = models or fake_models("fake-2", salt=5)
        self._worker = Worker(ingest.database, settings, ingest.generation, self.models)
        self._reader = BatchReader(ingest.database, settings)

    def step(self, *_: int) -> bool:
        return self._reader.step(self._worker)

    @property
    def images_seen(self) -> int:
        assert isinstance(self.models.detector, FakeDetector)
        return self.models.detector.images_seen


def faces(ingest: Ingest) -> list[tuple[object, ...]]:
    """The faces that answer, whatever their ids."""
    return ask(
        ingest.database,
        "SELECT sha256, x1, y1, embedding FROM faces JOIN images ON images.id = image_id "
        "JOIN generations ON generations.id = generation_id WHERE state = 'active' ORDER BY 1, 2",
    )


def left(ingest: Ingest) -> int:
    [(number,)] = ask(ingest.database, "SELECT count(*) FROM image_batches")
    return int(str(number))


def test_others_take_batches_where_they_can_and_each_image_is_read_once(
    reindexing: Reindexing, engine: str
) -> None:
    helper = Helper(reindexing.ingest)
    outcome = reindexing.run(helper.step)
    assert outcome == ReindexResult("fake-2", images=8, faces=8, already_done=0)
    assert helper.images_seen == (4 if engine == "postgres" else 0)  # a file has one process
    assert reindexing.images_seen == 8 - helper.images_seen
    assert left(reindexing.ingest) == 0
    assert everybody(reindexing.ingest) == 4
    reindexing.ingest.check()


@pytest.mark.engines("postgres")  # see above
class TestSeveral:
    @pytest.mark.processes
    def test_after_the_loss_of_a_worker_and_of_the_reindex_itself_the_next_one_switches(
        self, reindexing: Reindexing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ingest = reindexing.ingest
        monkeypatch.setattr(filling, "LOOK_SECONDS", 0.0)
        old = ingest.active()
        with (
            at_work("reindex", ingest.settings) as coordinator,
            at_work("batches", ingest.settings) as worker,
        ):
            for process in (worker, coordinator):
                process.kill()
                process.wait()
        assert left(ingest) == 4
        helper = Helper(ingest)
        wait_until(lambda: not (helper.step() or left(ingest)), "what was put out is done")
        assert helper.images_seen == 8
        assert ingest.active() == old
        assert everybody(ingest) == 4
        outcome = reindexing.run()
        assert outcome == ReindexResult("fake-2", images=8, faces=8, already_done=8)
        assert reindexing.images_seen == 0
        assert everybody(ingest) == 4
        ingest.check()
        by_several = faces(ingest)
        assert reindexing.run() == ReindexResult("fake-2", images=8, faces=8, already_done=0)
        assert faces(ingest) == by_several

    def test_a_batch_that_a_worker_cannot_read_is_left_to_the_reindex(
        self, reindexing: Reindexing, caplog: pytest.LogCaptureFixture
    ) -> None:
        helper = Helper(reindexing.ingest, max_megapixels=0)
        outcome = reindexing.run(helper.step)
        assert outcome == ReindexResult("fake-2", images=8, faces=8, already_done=0)
        assert "ingest.reindex_unreadable images=2" in caplog.text
        assert reindexing.images_seen == 8
        reindexing.ingest.check()

    def test_what_a_worker_has_in_hand_of_an_abandoned_model_is_not_stored(
        self, reindexing: Reindexing
    ) -> None:
        ingest = reindexing.ingest
        assert reindexing.run(reindexing.stop_at(0)) is None
        with ingest.database.write() as connection:
            building = generations.building(connection)
            assert building is not None
            images = [image for image, _ in filling.all_missing(connection, building)]
            image_batches.put_out(connection, building.id, [images])

        def abandon() -> None:
            reindexing.models = fake_models("fake-3", salt=7)
            assert reindexing.run() is not None

        busy = Models(BusyDetector(abandon), FakeEncoder("fake-2", salt=5), DECODERS)
        assert Helper(ingest, busy).step()
        assert list(generation_states(ingest.database).values()) == ["active"]
        assert verify(ingest.database).problems == []
        ingest.check()

    def test_without_the_model_a_process_takes_no_batch_and_says_so(
        self,
        reindexing: Reindexing,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def fail(*_: object) -> None:
            raise ModelUnavailableError("the network is not there")

        monkeypatch.setattr("ingest.networks.models.load_encoder", fail)
        helper = Helper(reindexing.ingest, fake_models())
        assert reindexing.run(helper.step) is not None
        assert helper.images_seen == 0
        assert "reindex_unavailable model=fake-2 reason=the network is not there" in caplog.text
