"""forget over a library of fake models."""

import os
from pathlib import Path

import pytest

from index.database.engine import Database
from tests.commands.conftest import Run, fill, states, write_config
from tests.index.builders import ask


def test_forgetting_reports_and_proves(run: Run, library: Path, config: Path) -> None:
    (library / "copy.png").write_bytes((library / "both.png").read_bytes())
    fill(library, config.parent / "data")
    done = run("forget", library / "both.png", library / "third.png", "--config", config)
    assert (done.code, done.err) == (0, "")
    assert "forgotten: 2 files, 2 images, 3 faces; 2 contents" in done.out
    assert f"because it held the same photo: {library}/copy.png" in done.out
    assert "2 photos are still there" in done.out
    assert "proof: no file in the data folder holds any of the erased vectors" in done.out
    fill(library, config.parent / "data")
    expected = {"one.png": "indexed", "two.png": "indexed"}
    refused = dict.fromkeys(("both.png", "third.png", "copy.png"), "failed")
    assert states(config) == expected | refused


def test_allow_takes_it_back(run: Run, library: Path, config: Path) -> None:
    run("forget", library, "--config", config)
    fill(library, config.parent / "data")
    assert set(states(config).values()) == {"failed"}
    done = run("forget", "--allow", library / "one.png", "--config", config)
    assert (done.code, done.out) == (0, "1 photo may be indexed again\n")
    fill(library, config.parent / "data")
    assert [name for name, state in states(config).items() if state == "indexed"] == ["one.png"]


def test_delete_files_deletes_what_was_named(run: Run, library: Path, config: Path) -> None:
    (library / "copy.png").write_bytes((library / "one.png").read_bytes())
    fill(library, config.parent / "data")
    done = run("forget", "--delete-files", library / "one.png", "--config", config)
    assert done.code == 0
    assert "1 photo is deleted" in done.out
    assert not (library / "one.png").exists()
    assert (library / "copy.png").exists()


def test_photos_that_cannot_be_deleted_mean_exit_1(
    run: Run, library: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = os.unlink

    def refuse(path: str | Path) -> None:
        if str(path).endswith(".png"):
            raise PermissionError(13, "Permission denied")
        unlink(path)

    monkeypatch.setattr("commands.forget.os.unlink", refuse)
    done = run("forget", "--delete-files", library / "one.png", "--config", config)
    assert done.code == 1
    assert f"could not be deleted (Permission denied): {library}/one.png" in done.err


def test_vectors_that_are_left_mean_exit_1(
    run: Run, library: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.upkeep.erasure_proof.ROUND_SECONDS", 0.0)
    data = config.parent / "data"
    with Database(data / "person_count.db") as database, database.read() as connection:
        blobs = connection.exec_driver_sql("SELECT embedding FROM faces").scalars().all()
    (data / "stray.bin").write_bytes(b"".join(blobs))
    done = run("forget", library / "third.png", "--config", config)
    assert done.code == 1
    assert f"erased vectors are still in {data}/stray.bin" in done.err
    assert "proof" not in done.out


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_photos_that_cannot_be_read_mean_exit_1(run: Run, library: Path, config: Path) -> None:
    secret = library / "secret.png"
    secret.write_bytes(b"x")
    secret.chmod(0)
    done = run("forget", secret, "--config", config)
    assert done.code == 1
    assert f"could not be read, so it may be indexed again: {secret}" in done.err


def test_contradictions_and_unknown_paths_are_refused(
    run: Run, library: Path, config: Path
) -> None:
    both = run("forget", "--allow", "--delete-files", library / "one.png", "--config", config)
    assert both.code == 2
    unknown = run("forget", library / "nowhere.png", "--config", config)
    assert unknown.code == 1
    assert f"there is no {library}/nowhere.png" in unknown.err
    outside = run("forget", config, "--config", config)
    assert "lies outside the drop folder" in outside.err
    assert set(states(config).values()) == {"indexed"}


def test_retention_days_is_a_setting(run: Run, config: Path) -> None:
    bad = write_config(config.parent, retention_days=0)
    refused = run("status", "--config", bad)
    assert refused.code == 1
    assert "setting retention_days" in refused.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_the_proof_could_not_look_into_is_named_before_anything_is_erased(
    run: Run, library: Path, config: Path, what: str
) -> None:
    """As after a command that root ran: whatever lies there, nobody could vouch for it."""
    closed = config.parent / "data" / "closed"
    closed.mkdir() if what == "folder" else closed.write_bytes(b"")
    closed.chmod(0o000)
    outcome = run("forget", library / "one.png", "--config", config)
    assert (outcome.code, outcome.out) == (1, "")
    assert f"{closed} cannot be read" in outcome.err
    closed.chmod(0o700)
    outcome = run("forget", library / "one.png", "--config", config)
    assert outcome.code == 0
    assert "forgotten: 1 file, 1 image" in outcome.out


def test_an_evaluation_that_lies_on_another_disk_is_searched_as_well(
    run: Run, library: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.upkeep.erasure_proof.ROUND_SECONDS", 0.0)
    other = config.parent / "other disk"
    other.mkdir()
    (config.parent / "data" / "evaluation").symlink_to(other)
    with Database(config.parent / "data" / "person_count.db") as database:
        rows = ask(database, "SELECT embedding FROM faces ORDER BY id")
    (other / "stray.bin").write_bytes(b"".join(bytes(row[0]) for row in rows))
    outcome = run("forget", library, "--config", config)
    assert outcome.code == 1
    assert "stray.bin; remove it" in outcome.err
