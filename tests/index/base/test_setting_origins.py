from pathlib import Path

import pytest

from index.base.setting_origins import Origin, origins_of, unknown_variables
from index.base.settings import Settings, load_settings


def test_each_setting_names_the_source_that_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text("port: 1\nhost: file\nbatch_files: 5\n")
    monkeypatch.setenv("PERSON_COUNT_PORT", "2")
    monkeypatch.setenv("person_count_host", "environment")
    settings, found = load_settings(config, port=3), origins_of(config, port=3, tls=None)
    assert set(found) == set(Settings.model_fields)
    told = {name: (getattr(settings, name), found.pop(name)) for name in ("port", "host")}
    assert told == {"port": (3, Origin.ARGUMENT), "host": ("environment", Origin.ENVIRONMENT)}
    assert found.pop("batch_files") is Origin.FILE
    assert set(found.values()) == {Origin.DEFAULT}


def test_config_yaml_of_the_current_folder_is_a_source() -> None:
    Path("config.yaml").write_text("port: 77")
    assert origins_of()["port"] is Origin.FILE


def test_a_misspelt_variable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERSON_COUNT_FACES", raising=False)
    monkeypatch.delenv("PERSON_COUNT_PHOTOS", raising=False)
    monkeypatch.setenv("person_count_port", "1")
    assert unknown_variables() == []
    monkeypatch.setenv("PERSON_COUNT_INBX", "x")
    assert unknown_variables() == ["PERSON_COUNT_INBX"]
