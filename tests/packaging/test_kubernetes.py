"""The example for Kubernetes, as far as can be told without a cluster."""

import os
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml

from index.base.settings import Settings, load_settings
from person_count import app
from service.handlers.routes import HANDLERS
from tests.packaging.test_image import parsed, settings_of

__all__ = ["parsed"]  # a fixture

SECRETS = ("pgpass", "ca.crt", "tokens", "tls.crt", "tls.key")


@pytest.fixture(scope="module")
def items(project: Path) -> list[dict[str, Any]]:
    text = (project / "packaging" / "kubernetes.yaml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)["items"]
    return found


@pytest.fixture(scope="module")
def pods(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item["spec"]["template"]["spec"] for item in items if item["kind"] == "Deployment"]


def test_kubernetes_takes_every_object(items: list[dict[str, Any]]) -> None:
    for item in items:
        kubernetes_validate.validate(item, "1.30", strict=True)


def test_pods_start_commands_that_exist(pods: list[dict[str, Any]]) -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    commands = [pod["containers"][0]["command"] for pod in pods]
    assert [command[1] for command in commands] == ["serve", "work", "scan"]
    for program, name, *words in commands:
        options = {text for parameter in known[name].params for text in parameter.opts}
        assert program == "person-count"
        assert set(words) <= options


def test_every_volume_that_is_mounted_is_there(pods: list[dict[str, Any]]) -> None:
    for pod in pods:
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in (*pod["initContainers"], *pod["containers"]):
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


def test_the_settings_are_what_the_pods_need(
    items: list[dict[str, Any]],
    pods: list[dict[str, Any]],
    parsed: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(items[0]["data"]["config.yaml"])
    for name, text in settings_of(parsed).items():  # the image's environment, then the pods'
        monkeypatch.setenv(f"PERSON_COUNT_{name.upper()}", text)
    for variable in pods[0]["containers"][0]["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    settings = load_settings(config)
    assert settings.data == Path("/own/data")
    assert settings.inbox == Path("/photos")
    assert settings.tokens == Path("/own/tokens")
    assert settings.tls
    assert settings.database_url is not None
    assert pods[0]["containers"][0]["ports"] == [{"containerPort": settings.port}]


def test_probes_ask_what_the_service_answers(pods: list[dict[str, Any]]) -> None:
    container = pods[0]["containers"][0]
    routes = {handler.ROUTE.strip("^$/?") for handler in HANDLERS}
    for probe in (container["readinessProbe"], container["livenessProbe"]):
        assert any(route.endswith(probe["httpGet"]["path"].strip("/")) for route in routes)


def test_a_service_does_not_set_a_setting_by_its_name(pods: list[dict[str, Any]]) -> None:
    """Kubernetes' variable of a service called person-count is PERSON_COUNT_PORT."""
    assert "port" in Settings.model_fields
    assert all(pod["enableServiceLinks"] is False for pod in pods)


def test_the_data_folder_is_prepared_for_its_owner_alone(
    items: list[dict[str, Any]], tmp_path: Path
) -> None:
    for name in ("own", "secret", "shared", "data/weights"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "data" / "weights" / "network.bin").write_bytes(b"1")
    for name in SECRETS:
        (tmp_path / "secret" / name).write_text(name)
    script: str = items[0]["data"]["prepare.sh"]
    for place in ("/own/", "/secret/", "/shared/", " /data/"):
        script = script.replace(place, place.replace("/", f"{tmp_path}/", 1))
    for pod in ("one", "other"):
        subprocess.run(["sh", "-c", script], check=True)
        own = tmp_path / "own"
        assert (own / "data").stat().st_mode & 0o077 == 0
        assert [(own / name).stat().st_mode & 0o177 for name in SECRETS] == [0] * len(SECRETS)
        assert (own / "data" / "weights" / "network.bin").read_bytes() == b"1"
        assert os.path.samefile(own / "data" / "erasures.log", tmp_path / "shared" / "erasures.log")
        own.rename(tmp_path / pod)
        own.mkdir()
