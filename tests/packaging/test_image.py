"""The Dockerfile: what can be known of it without Docker, and its command run for real."""

import io
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

from index.base.errors import ConfigError
from index.base.settings import Settings
from service.guards.auth import Guard, check_exposure
from tests.system.runner import wait_until

DIGEST = re.compile(r"^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$")


@pytest.fixture(scope="module")
def parsed(project: Path) -> DockerfileParser:
    content = (project / "Dockerfile").read_bytes()
    return DockerfileParser(fileobj=io.BytesIO(content))


def values(parsed: DockerfileParser, instruction: str) -> list[str]:
    return [step["value"] for step in parsed.structure if step["instruction"] == instruction]


def settings_of(parsed: DockerfileParser) -> dict[str, str]:
    """The settings in the image's environment, by name."""
    prefix = "PERSON_COUNT_"
    found = {name: text for name, text in parsed.envs.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix).lower(): text for name, text in found.items()}


def test_every_stage_starts_from_bytes_that_are_pinned(parsed: DockerfileParser) -> None:
    assert len(parsed.parent_images) == 2
    for image in parsed.parent_images:
        assert DIGEST.match(image), image


def test_it_runs_as_nobody_in_particular(parsed: DockerfileParser) -> None:
    user, _, group = values(parsed, "USER")[-1].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    steps = [step["instruction"] for step in parsed.structure]
    assert steps.index("USER") > max(n for n, step in enumerate(steps) if step == "RUN")


def test_everything_it_copies_is_there_and_not_ignored(
    parsed: DockerfileParser, project: Path
) -> None:
    allowed = (project / ".dockerignore").read_text().split()
    copied = set()
    for value in values(parsed, "COPY"):
        *sources, _ = [word for word in shlex.split(value) if not word.startswith("--")]
        if "--from=" not in value:
            copied |= set(sources)
    for source in copied:
        assert (project / source).exists(), source
        assert f"!{source}" in allowed, source
    settings = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["setuptools"]
    program = {name.removesuffix("*") for name in settings["packages"]["find"]["include"]}
    assert copied == program | {"pyproject.toml", "README.md", "person_count.py"}


def test_photos_data_and_tokens_cannot_get_into_the_image(project: Path) -> None:
    lines = (project / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"  # nothing but what is named
    assert not {"!data", "!inbox", "!config.yaml", "!.git", "!tests"} & set(rules)


def test_its_folders_are_volumes(parsed: DockerfileParser) -> None:
    chosen = settings_of(parsed)
    assert set(json.loads(values(parsed, "VOLUME")[0])) == {chosen["inbox"], chosen["data"]}


def test_it_serves_other_machines_and_not_without_tokens(
    parsed: DockerfileParser, tmp_path: Path
) -> None:
    chosen = settings_of(parsed)
    assert chosen["tokens"].startswith(chosen["data"] + "/")
    settings = Settings(**(chosen | {"tokens": str(tmp_path / "tokens")}))  # type: ignore[arg-type]
    assert settings.host == "0.0.0.0"
    assert not settings.allow_unauthenticated
    check_exposure(settings)
    with pytest.raises(ConfigError, match="tokens"):
        Guard(settings)
    assert values(parsed, "EXPOSE") == [str(settings.port)]


@pytest.mark.models
@pytest.mark.processes
def test_its_command_serves_is_healthy_and_ends_on_sigterm(
    parsed: DockerfileParser, tmp_path: Path
) -> None:
    """The image's command, health check and environment, with folders and a port of this test."""
    program = Path(sys.executable).parent
    if shutil.which("person-count", path=str(program)) is None:
        pytest.skip("person-count is not installed here")
    with socket.socket() as spare:
        spare.bind(("127.0.0.1", 0))
        port = spare.getsockname()[1]
    chosen = settings_of(parsed) | {
        "inbox": str(tmp_path / "inbox"),
        "data": str(tmp_path / "data"),
        "tokens": str(tmp_path / "data" / "tokens"),
        "port": str(port),
    }
    environment = os.environ | {"PATH": f"{program}:{os.environ['PATH']}"}
    environment |= {f"PERSON_COUNT_{name.upper()}": text for name, text in chosen.items()}

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    assert run(["person-count", "migrate"]).returncode == 0
    assert run(["person-count", "token", "add", "test"]).returncode == 0
    health = json.loads(values(parsed, "HEALTHCHECK")[0].partition("CMD ")[2])
    assert run(health).returncode == 1  # nothing runs yet
    command = json.loads(values(parsed, "CMD")[-1])
    with (tmp_path / "log").open("wb") as log:
        service = subprocess.Popen(command, env=environment, stderr=log)
    try:
        wait_until(lambda: run(health).returncode == 0 or service.poll() is not None, "health")
        found = run(health)
        assert (found.returncode, found.stdout) == (0, "healthy\n"), (tmp_path / "log").read_text()
        service.terminate()
        assert service.wait(60) == 0
    finally:
        service.kill()
        service.wait()
