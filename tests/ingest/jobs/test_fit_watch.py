"""Ingest compares the library with the profile in use, now and then, and may calibrate it."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index.base.choices import Calibrate, DistanceScale
from index.database.engine import Database
from index.database.migration import migrate
from index.database.queries import generations
from index.evaluation import library_fit
from index.evaluation.self_calibration import UntrustedError
from index.library.calibration import OPERATOR, TAKEN_BACK, choose
from index.library.status import status_document
from index.vectors.space import Choice, Profile, shipped_profile
from ingest.jobs import automatic_calibration as module
from ingest.jobs.automatic_calibration import AutomaticCalibration, is_due
from ingest.jobs.fit_watch import FitWatch
from tests.fakes import save_gathering
from tests.ingest.builders import Ingest

SHIPPED = shipped_profile("facenet", 512)


@pytest.fixture
def gathered(ingest: Ingest) -> Ingest:
    """A library of 24 people, five of them on each of 24 photos, with FaceNet's profile."""
    save_gathering(ingest.inbox)
    with ingest.database.write() as connection:
        connection.exec_driver_sql("UPDATE generations SET model = 'facenet'")
    use(ingest.database, SHIPPED)
    ingest.index()
    return ingest


def use(database: Database, profile: Profile) -> None:
    with database.write() as connection:
        active = generations.active(connection)
        assert active is not None
        generations.set_profile(connection, active.id, profile.to_json())


def in_use(ingest: Ingest) -> Profile:
    return Profile.from_json(ingest.active().profile)


def test_the_library_is_compared_once_and_again_for_another_profile(gathered: Ingest) -> None:
    watch = FitWatch(gathered.database)
    watch.look_if_due()
    first = watch.found
    assert first is not None
    assert (first["faces"], first["people"], first["version"]) == (120, 24, SHIPPED.version)
    assert float(str(first["departure"])) > 1.2  # their colours are nothing like faces
    watch.look_if_due()
    assert watch.found is first
    other = replace(SHIPPED, operating_distance=0.5)
    use(gathered.database, other)
    watch.look_if_due()
    assert watch.found is not None
    assert watch.found["version"] == other.version


def test_of_a_profile_that_was_never_measured_nothing_is_said(gathered: Ingest) -> None:
    watch = FitWatch(gathered.database)
    watch.look_if_due()
    use(gathered.database, Profile(SHIPPED.centre, 0.5))
    watch.look_if_due()
    assert watch.found is None


def test_an_empty_database_has_nothing_to_compare(tmp_path: Path) -> None:
    migrate(tmp_path / "empty.db")
    with Database(tmp_path / "empty.db") as database:
        watch = FitWatch(database)
        watch.look_if_due()
        assert (watch.found, watch.generation) == (None, None)


# --- calibrate: automatic ------------------------------------------------------------------------


@pytest.fixture
def doubted(gathered: Ingest, monkeypatch: pytest.MonkeyPatch) -> Ingest:
    """The same where every profile passes for one that does not fit."""
    monkeypatch.setattr(library_fit, "DEPARTURE", 0.0)
    monkeypatch.setattr(library_fit, "EXCESS", 0.0)
    return gathered


def rounds(ingest: Ingest, number: int = 1, **changes: object) -> None:
    """A start of ingest, so many rounds of its main loop, and an end."""
    settings = ingest.settings.model_copy(update={"calibrate": Calibrate.AUTOMATIC, **changes})
    watch, calibration = FitWatch(ingest.database), AutomaticCalibration(ingest.database, settings)
    for _ in range(number):
        watch.look_if_due()
        calibration.begin_if_due(watch)
        if calibration._thread is not None:
            calibration._thread.join()
    calibration.close()


@pytest.mark.engines
def test_where_the_profile_does_not_fit_it_is_calibrated_once_at_each_size(
    doubted: Ingest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ingest")
    rounds(doubted, 3)
    first = in_use(doubted)
    assert first.measured["note"] == "estimated without labels"
    assert first.choice == Choice("ingest", 120, "calibrated without labels")
    assert first.undone() == SHIPPED
    assert caplog.text.count("ingest.calibration ") == 1
    found = status_document(doubted.database, DistanceScale.CALIBRATED)
    assert found["calibration"] == {
        "shipped": False,
        "by": "ingest",
        "faces": 120,
        "outcome": "calibrated without labels",
        "kept_of": [],
        "advice": None,
    }
    rounds(doubted)  # a start
    assert in_use(doubted) == first
    assert caplog.text.count("ingest.calibration ") == 1


def test_it_does_nothing_unless_wanted_where_the_profile_fits_and_while_photos_wait(
    doubted: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds(doubted, calibrate=Calibrate.MANUAL)
    rounds(doubted, distance=DistanceScale.COSINE)
    assert not in_use(doubted).is_chosen
    doubted.drop("new.png", 1)
    doubted.scanner.scan()
    rounds(doubted)
    assert not in_use(doubted).is_chosen
    doubted.drain()
    monkeypatch.setattr(library_fit, "DEPARTURE", 100.0)
    rounds(doubted)
    assert not in_use(doubted).is_chosen


def test_what_the_operator_took_back_stays_so_until_the_next_size(doubted: Ingest) -> None:
    rounds(doubted)
    undone = in_use(doubted).undone()
    assert undone is not None
    with doubted.database.write() as connection:
        choose(connection, doubted.active(), undone, OPERATOR, TAKEN_BACK)
    rounds(doubted)
    assert in_use(doubted) == SHIPPED
    assert not is_due(doubted.active(), 999)
    assert is_due(doubted.active(), 1_000)


def test_a_refusal_is_told_with_its_reason_and_not_repeated(
    doubted: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(*_: object) -> None:
        asked.append(1)
        raise UntrustedError("too few people")

    monkeypatch.setattr(module, "self_calibrate", refuse)
    before = replace(SHIPPED, operating_distance=0.5).after(SHIPPED)
    use(doubted.database, before)
    rounds(doubted, 2)
    assert in_use(doubted) == before
    assert in_use(doubted).undone() == SHIPPED
    assert in_use(doubted).choice == Choice("ingest", 120, "refused: too few people")
    assert len(asked) == 1


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Have *act* happen while the calibration computes."""
    original = module.self_calibrate

    def slow(*given: object) -> object:
        act()
        return original(*given)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(module, "self_calibrate", slow)


def test_the_operator_who_is_faster_wins(doubted: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    own = replace(SHIPPED, operating_distance=0.5, choice=Choice(OPERATOR, 120, "by hand"))
    meanwhile(monkeypatch, lambda: use(doubted.database, own))
    rounds(doubted)
    assert in_use(doubted) == own


def test_broken_off_it_changes_nothing_and_begins_anew_with_the_next_start(
    doubted: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    computing, may_go_on = threading.Event(), threading.Event()

    def wait() -> None:
        computing.set()
        may_go_on.wait()

    with monkeypatch.context() as patched:
        meanwhile(patched, wait)
        settings = doubted.settings.model_copy(update={"calibrate": Calibrate.AUTOMATIC})
        watch, calibration = (
            FitWatch(doubted.database),
            AutomaticCalibration(doubted.database, settings),
        )
        watch.look_if_due()
        calibration.begin_if_due(watch)
        assert computing.wait(60)
        calibration._stop.set()
        may_go_on.set()
        calibration.close()
    assert not in_use(doubted).is_chosen
    rounds(doubted)
    assert in_use(doubted).is_chosen


def test_what_should_never_happen_is_logged_once(
    doubted: Ingest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise np.linalg.LinAlgError

    monkeypatch.setattr(module, "self_calibrate", fail)
    rounds(doubted, 2)
    assert caplog.text.count("ingest.calibration_failed") == 1
    assert not in_use(doubted).is_chosen
