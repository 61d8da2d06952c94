"""ingest of what is indexed already, so that no networks are needed."""

from pathlib import Path

from tests.commands.conftest import Run, fill


def test_ingest_of_what_is_indexed_already_only_reports_it(
    run: Run, library: Path, config: Path
) -> None:
    outcome = run("ingest", library, "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == "4 indexed, 0 without a face that counts, 0 failed\n"
    one = run("ingest", library / "one.png", library / "one.png", "--config", config)
    assert one.out == "1 indexed, 0 without a face that counts, 0 failed\n"


def test_ingest_of_an_empty_folder_is_no_failure(run: Run, library: Path, config: Path) -> None:
    (library / "empty").mkdir()
    outcome = run("ingest", library / "empty", "--config", config)
    assert (outcome.code, outcome.out) == (0, "0 indexed, 0 without a face that counts, 0 failed\n")


def test_what_is_no_photo_is_passed_over_and_no_failure(
    run: Run, library: Path, config: Path
) -> None:
    for name in ("IMG_1.MOV", "IMG_1.AAE"):
        (library / name).write_bytes(b"anything")
    fill(library, config.parent / "data")
    outcome = run("ingest", library, "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    assert (
        outcome.out
        == "4 indexed, 0 without a face that counts, 0 failed, 2 passed over (no photos)\n"
    )
