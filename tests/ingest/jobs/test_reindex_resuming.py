"""Re-indexes that are stopped or crash, and go on where they were."""

from collections.abc import Sequence

import pytest

from index.upkeep.verify import verify
from ingest.interfaces import DetectedFace, RgbImage
from ingest.jobs.reindex import ReindexResult
from ingest.networks.models import Models
from tests.fakes import DECODERS, FakeDetector, FakeEncoder, fake_models
from tests.ingest.reindexing import Reindexing, everybody, generation_states

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
