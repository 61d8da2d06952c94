"""Every foreseen failure is one line on stderr and exit code 1, without a traceback."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import person_count
from tests.commands.conftest import Outcome, Run, fill, write_config
from tests.fakes import save_picture

NEED_A_DATABASE = (
    ("ingest", "inbox"),
    ("reindex",),
    ("reindex", "--missing-only"),
    ("status",),
    ("verify",),
)


def assert_one_line(outcome: Outcome, *parts: str, out: str = "") -> None:
    assert outcome.code == 1
    assert outcome.out == out
    assert outcome.err.startswith("person-count: ")
    assert outcome.err.endswith("\n")
    assert outcome.err.count("\n") == 1, outcome.err
    for part in parts:
        assert part in outcome.err


@pytest.mark.parametrize("command", NEED_A_DATABASE, ids=" ".join)
def test_a_missing_database_names_the_command_that_makes_it(
    run: Run, config: Path, command: tuple[str, ...]
) -> None:
    outcome = run(*command, "--config", config)
    assert_one_line(outcome, "there is no database at", "person-count migrate")


@pytest.mark.parametrize("command", NEED_A_DATABASE, ids=" ".join)
def test_a_file_that_is_no_database_is_named(
    run: Run, config: Path, command: tuple[str, ...]
) -> None:
    data = config.parent / "data"
    data.mkdir()
    (data / "person_count.db").write_text("not a database\n" * 100)
    assert_one_line(run(*command, "--config", config), "person_count.db", "no usable database")


def test_migrate_refuses_a_file_that_is_no_database(run: Run, config: Path) -> None:
    data = config.parent / "data"
    data.mkdir()
    (data / "person_count.db").write_text("not a database\n" * 100)
    assert_one_line(run("migrate", "--config", config), "was not migrated")
    assert (data / "person_count.db").read_text().startswith("not a database")


def test_a_missing_configuration_file_is_named(run: Run, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.yaml"
    outcome = run("status", "--config", missing)
    assert_one_line(outcome, f"there is no configuration file {missing}")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        pytest.param("colour: red\n", "setting colour", id="unknown setting"),
        pytest.param("port: many\n", "setting port", id="wrong type"),
        pytest.param("port: 70000\n", "setting port", id="out of range"),
        pytest.param("linkage: nearest\n", "setting linkage", id="unknown choice"),
        pytest.param("port: [1, 2\n", "cannot be read", id="malformed"),
        pytest.param("- inbox\n- data\n", "", id="a list"),
        pytest.param("inbox\n", "", id="a word"),
        pytest.param(b"inbox: \xff\xfe\n", "cannot be read", id="not UTF-8"),
    ],
)
def test_a_wrong_configuration_is_one_line(
    run: Run, tmp_path: Path, text: str | bytes, part: str
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert_one_line(run("status", "--config", wrong), part)


def test_a_wrong_setting_of_the_environment_is_named(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSON_COUNT_WAIT_SECONDS", "-1")
    assert_one_line(run("status", "--config", config), "setting wait_seconds", "'-1'")


def test_a_missing_file_to_count_is_named(run: Run, library: Path, config: Path) -> None:
    known, missing = library / "one.png", library / "nobody.jpg"
    outcome = run("count", known, missing, "--config", config)
    assert_one_line(outcome, f"there is no file {missing}")


@pytest.mark.parametrize("threshold", ["", "abc", "nan", "inf", "-0.1", "1e999", "0,2", "0.2 "])
def test_a_bad_threshold_is_named(run: Run, library: Path, config: Path, threshold: str) -> None:
    outcome = run("count", library / "one.png", f"--threshold={threshold}", "--config", config)
    assert_one_line(outcome, "threshold must be a")


@pytest.mark.parametrize(
    ("names", "more", "status"),
    [
        (["nobody.jpg"], [], 404),
        (["one.png"], ["--threshold", "abc"], 400),
        ([""], [], 400),
        (["one\n.png"], [], 404),  # a command line may name it
    ],
)
def test_json_of_an_error_is_the_services_document(
    run: Run, library: Path, config: Path, names: list[str], more: list[str], status: int
) -> None:
    files = [str(library / name) if name else "" for name in names]
    outcome = run("count", *files, *more, "--json", "--config", config)
    document = json.loads(outcome.out)
    assert list(document) == ["cord", "error"]
    assert document["cord"] == status
    assert outcome.out.count("\n") == 1
    assert_one_line(outcome, document["error"], out=outcome.out)


def test_more_files_or_faces_than_allowed_are_refused(
    run: Run, library: Path, config: Path
) -> None:
    write_config(config.parent, max_request_files=1)
    files = [library / "one.png", library / "both.png"]
    outcome = run("count", *files, "--json", "--config", config)
    assert json.loads(outcome.out)["cord"] == 413
    write_config(config.parent, max_request_faces=1)
    outcome = run("count", *files, "--json", "--config", config)
    assert json.loads(outcome.out)["cord"] == 413


def test_a_file_too_large_is_refused_before_it_is_read_whole(
    run: Run, library: Path, config: Path
) -> None:
    large = library / "large.jpg"
    with large.open("wb") as stream:
        stream.truncate((1 << 20) + 1)
    write_config(config.parent, max_file_mib=1)
    outcome = run("count", large, "--json", "--config", config)
    assert json.loads(outcome.out)["cord"] == 422
    assert "larger than the 1 MiB" in outcome.err


def test_a_folder_without_a_photo_is_told_from_a_missing_file(
    run: Run, library: Path, config: Path
) -> None:
    empty = library / "empty"
    empty.mkdir()
    assert_one_line(run("count", empty, "--config", config), f"there is no photo in {empty}")
    (empty / "a.mov").touch()
    only = run("count", empty, "--config", config)
    assert_one_line(only, f"{empty}/a.mov is no readable image: by its ending .mov it is a video")
    (empty / "a.aae").touch()
    both = run("count", empty, "--config", config)
    assert_one_line(both, f"none of these 2 files is a photo; of {empty}/a.aae: by its ending")


def test_a_link_in_a_folder_to_count_is_named(run: Run, library: Path, config: Path) -> None:
    (library / "link.png").symlink_to(library / "one.png")
    outcome = run("count", library, "--config", config)
    assert_one_line(outcome, f"{library}/link.png is no readable image: it is a symbolic link")


def test_a_gpu_that_is_not_there_is_named(
    run: Run, library: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    save_picture(library / "new.png", 7)
    write_config(config.parent, device="cuda")
    outcome = run("count", library / "new.png", "--config", config)
    assert_one_line(outcome, "setting device: torch finds no GPU")


def test_an_unknown_choice_is_a_usage_error(run: Run, library: Path, config: Path) -> None:
    outcome = run("count", library / "one.png", "--linkage", "nearest", "--config", config)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err


def test_ingest_refuses_paths_outside_the_roots(run: Run, library: Path, config: Path) -> None:
    outside = save_picture(library.parent / "outside.png", 5)
    outcome = run("ingest", outside, "--config", config)
    assert_one_line(outcome, str(outside), "outside the drop folder", "roots in config.yaml")
    sneaky = library / ".." / "outside.png"
    assert_one_line(run("ingest", sneaky, "--config", config), "outside the drop folder")


def test_ingest_names_a_path_that_is_not_there(run: Run, library: Path, config: Path) -> None:
    missing = library / "nobody.png"
    assert_one_line(run("ingest", missing, "--config", config), f"there is no {missing}")


def test_evaluate_names_a_folder_that_is_not_there(run: Run, config: Path) -> None:
    missing = config.parent / "nowhere"
    for command in ("evaluate", "calibrate"):
        outcome = run(command, missing, "--config", config)
        assert_one_line(outcome, f"there is no folder {missing}")


def test_evaluate_wants_folders_of_two_people(run: Run, config: Path) -> None:
    folder = config.parent / "alone"
    (folder / "me").mkdir(parents=True)
    save_picture(folder / "me" / "1.png", 1)
    fill(folder, config.parent / "data" / "evaluation")
    outcome = run("evaluate", folder, "--config", config)
    assert_one_line(outcome, "folders of at least two people")


def test_a_half_of_too_few_people_is_refused(run: Run, config: Path) -> None:
    folder = config.parent / "three"
    for person in range(3):
        (folder / str(person)).mkdir(parents=True)
        for photo in range(2):
            save_picture(folder / str(person) / f"{photo}.png", person, seed=10 * person + photo)
    fill(folder, config.parent / "data" / "evaluation")
    for command in (("evaluate",), ("calibrate", "--dry-run")):
        outcome = run(*command, folder, "--split", "A", "--config", config)  # one person of three
        assert_one_line(outcome, "two people")


@pytest.mark.parametrize("threshold", ["abc", "-1", ""])
def test_evaluate_refuses_a_bad_threshold(
    run: Run, people: Path, config: Path, threshold: str
) -> None:
    outcome = run("evaluate", people, f"--threshold={threshold}", "--config", config)
    assert_one_line(outcome, "threshold must be a")


def test_plots_into_a_file_are_refused(run: Run, people: Path, config: Path) -> None:
    outcome = run("evaluate", people, "--plots", config, "--config", config)
    assert_one_line(outcome, str(config))


def test_a_profile_into_a_missing_folder_is_refused(run: Run, people: Path, config: Path) -> None:
    target = config.parent / "nowhere" / "profile.json"
    outcome = run("calibrate", people, "--write", target, "--config", config)
    assert outcome.code == 1
    assert "Traceback" not in outcome.err
    assert outcome.err.count("\n") == 1
    assert str(target) in outcome.err


def test_calibrate_wants_a_folder_or_the_library(run: Run, people: Path, config: Path) -> None:
    for given in ([], [people, "--library"]):
        outcome = run("calibrate", *given, "--config", config)
        assert_one_line(
            outcome, "give a folder of labelled photos, or --library, --undo or --shipped"
        )


def test_calibrating_from_an_empty_library_is_refused(run: Run, config: Path) -> None:
    assert run("migrate", "--config", config).code == 0
    outcome = run("calibrate", "--library", "--config", config)
    assert_one_line(outcome, "the library is empty")


def test_calibrating_from_a_library_without_a_face_is_refused(run: Run, config: Path) -> None:
    Image.new("RGB", (80, 60), "white").save(config.parent / "inbox" / "white.png")
    fill(config.parent / "inbox", config.parent / "data")
    outcome = run("calibrate", "--library", "--config", config)
    assert_one_line(outcome, "the library holds 0 key faces, too few to calibrate on: it takes 100")


def test_an_own_certificate_without_its_key_is_refused(run: Run, config: Path) -> None:
    write_config(config.parent, tls_certificate=str(config))
    outcome = run("serve", "--port", 0, "--no-ingest", "--config", config)
    assert_one_line(outcome, "both tls_certificate and tls_key")


def test_the_real_program_fails_alike(config: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "person_count", "verify", "--config", str(config)],
        capture_output=True, check=False, text=True, timeout=60,
    )  # fmt: skip
    assert_one_line(Outcome(found.returncode, found.stdout, found.stderr), "person-count migrate")


def test_no_command_leaves_a_core_dump(tmp_path: Path) -> None:
    """A real one that crashes with vectors in its memory, in a shell that allows dumps."""
    code = "import os, person_count, sys, typer; sys.argv = ['person-count', 'crash']\n"
    code += "person_count.app.command(name='crash')(os.abort); person_count.main()"
    allow = "ulimit -S -c $(ulimit -H -c); exec"
    arguments = ["sh", "-c", f'{allow} "$@"', "sh", sys.executable, "-c", code]
    root = Path(person_count.__file__).parent
    done = subprocess.run(
        arguments, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(root)}, check=False
    )
    assert done.returncode == -signal.SIGABRT
    assert list(tmp_path.iterdir()) == []
