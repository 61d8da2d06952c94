import json
from pathlib import Path

import pytest

from index.base import kernel
from index.base.settings import Settings, load_settings
from service.edge.tls import self_signed
from tests.commands.conftest import Run, write_config


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERSON_COUNT_FACES", "PERSON_COUNT_PHOTOS"):  # the tests' own, no settings
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_it_shows_every_setting_with_its_value_and_source(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(tmp_path)
    monkeypatch.setenv("PERSON_COUNT_BATCH_FILES", "7")
    outcome = run("config", "--show", "--port", 9000, "--config", config)
    assert (outcome.code, outcome.err) == (0, "")
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert lines[0] == f"# {config}"
    assert [line.partition(":")[0] for line in lines[1:]] == list(Settings.model_fields)
    assert {
        f'inbox: "{tmp_path}/inbox" # person-count.yaml',
        "batch_files: 7 # environment PERSON_COUNT_BATCH_FILES",
        "port: 9000 # argument",
        "tokens: null # default",
    } <= set(lines)


def test_what_it_shows_is_a_configuration_file_with_the_same_meaning(
    run: Run, tmp_path: Path
) -> None:
    config = write_config(tmp_path, roots=["/照片", "/more: #1"], retention_days=30)
    shown = run("config", "--show", "--config", config)
    copy = tmp_path / "copy.yaml"
    copy.write_text(shown.out, encoding="utf-8")
    assert load_settings(copy).model_dump() == load_settings(config).model_dump()


def test_json_has_the_same(run: Run, tmp_path: Path) -> None:
    config = write_config(tmp_path)
    document = json.loads(run("config", "--show", "--json", "--http", "--config", config).out)
    assert document["file"] == str(config)
    assert set(document["settings"]) == set(Settings.model_fields)
    assert document["settings"]["tls"] == {"value": False, "source": "argument"}
    assert document["settings"]["settle_seconds"] == {"value": 0.0, "source": "file"}
    assert document["settings"]["scan_seconds"] == {"value": 600.0, "source": "default"}


def test_without_show_it_only_checks(run: Run, empty_folder: Path) -> None:
    outcome = run("config", "--port", 0)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == "the settings are valid\n"
    assert list(empty_folder.iterdir()) == []
    assert run("config", "--show").out.startswith("# no configuration file\n")


def test_an_invalid_file_is_one_line_and_exit_code_1(run: Run, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("prot: 8022\n")
    outcome = run("config", "--show", "--config", wrong)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("person-count: setting prot: ")
    assert outcome.err.count("\n") == 1


def test_it_refuses_what_serve_would_refuse(run: Run, tmp_path: Path) -> None:
    config = write_config(tmp_path)
    outcome = run("config", "--host", "0.0.0.0", "--config", config)
    assert outcome.code == 1
    assert "lets other machines ask without a token" in outcome.err
    tokens = write_config(tmp_path, tokens=str(tmp_path / "tokens"))
    outcome = run("config", "--host", "0.0.0.0", "--config", tokens)
    assert outcome.code == 1
    assert f"no tokens file {tmp_path}/tokens; make it with: person-count token" in outcome.err
    assert run("token", "add", "somebody", "--config", tokens).code == 0
    assert run("config", "--host", "0.0.0.0", "--config", tokens).code == 0


def test_it_reads_the_certificate_and_looks_for_the_model(run: Run, tmp_path: Path) -> None:
    certificate, key = map(str, self_signed(tmp_path / "own", "127.0.0.1"))
    for wrong, said in (
        ({"tls_certificate": certificate}, "both tls_certificate and tls_key"),
        ({"tls_certificate": key, "tls_key": certificate}, "no PEM files that belong together"),
        ({"tls_certificate": certificate, "tls_key": "/none"}, "No such file"),
        ({"model": "casia"}, "model 'casia' is neither"),
        ({"model": str(tmp_path)}, "is neither"),
        ({"model": "~no-such-user/x"}, "model '~no-such-user/x' is neither"),
        ({"weights": "casia-webface"}, "for casia-webface write model: facenet"),
        ({"inbox": "a\0b"}, "setting inbox: holds a zero byte"),
    ):
        outcome = run("config", "--config", write_config(tmp_path, **wrong))
        assert (outcome.code, outcome.out) == (1, ""), wrong
        assert said in outcome.err
    right = {"tls_certificate": certificate, "tls_key": key, "model": "mobilefacenet"}
    assert run("config", "--config", write_config(tmp_path, **right)).code == 0


@pytest.mark.usefixtures("empty_folder")
def test_a_variable_that_is_no_setting_is_pointed_out(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSON_COUNT_INBX", "/photos")
    outcome = run("config", "--port", 0)
    assert outcome.code == 0
    assert "PERSON_COUNT_INBX is no setting" in outcome.err


@pytest.mark.parametrize("command", ["config", "serve", "watch"])
def test_required_confinement_that_is_not_there_is_one_line_and_exit_code_1(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    config = write_config(tmp_path, confinement="required")
    monkeypatch.setattr(kernel, "_landlock_version", lambda: 0)
    outcome = run(command, "--config", config)
    assert outcome.code == 1
    assert outcome.err.startswith("person-count: setting confinement: this machine has no Landlock")
    assert outcome.err.count("\n") == 1
