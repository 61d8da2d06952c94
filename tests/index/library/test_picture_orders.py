"""Which picture is ordered of which file."""

from pathlib import Path

from index.base.settings import Settings
from index.database.engine import Database
from index.database.queries.generations import GenerationRow
from index.library.picture_orders import order_for
from ingest.jobs.worker import Worker
from ingest.watching.scan import Scanner
from tests.fakes import fake_models, save_picture
from tests.index.builders import ask


def test_a_photo_whose_root_was_moved_and_left_as_a_link_is_not_shown(
    database: Database, settings: Settings, generation: GenerationRow, tmp_path: Path
) -> None:
    save_picture(settings.inbox / "a.png", 1)
    Scanner(database, settings.resolve_roots(), 0.0).scan()
    worker = Worker(database, settings, generation, fake_models())
    while worker.step():
        pass
    ((face,),) = ask(database, "SELECT id FROM faces")
    assert isinstance(face, int)
    before = order_for(database, settings.resolve_roots(), face, whole=False)
    assert before is not None
    assert before.path == str(settings.inbox / "a.png")
    settings.inbox.rename(tmp_path / "moved")
    settings.inbox.symlink_to(tmp_path / "moved")
    assert order_for(database, settings.resolve_roots(), face, whole=False) is None
