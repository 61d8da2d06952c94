"""The systemd unit, as far as this machine can tell."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

EXPOSURE = 1.2  # what docs/operations.md says of it
RUN = re.compile(r"^ExecStart(?:Pre)?=(\S+) (.*)$", re.MULTILINE)


@pytest.fixture
def unit(project: Path) -> str:
    return (project / "packaging" / "person-count.service").read_text(encoding="utf-8")


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("no systemd-analyze here")
    return found


def test_systemd_understands_every_line_of_it(unit: str, analyze: str, tmp_path: Path) -> None:
    path = tmp_path / "person-count.service"
    path.write_text(RUN.sub(lambda found: found[0].replace(found[1], "/bin/true"), unit))
    done = subprocess.run([analyze, "verify", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_it_is_as_closed_as_the_pages_say(
    unit: str, analyze: str, tmp_path: Path, project: Path
) -> None:
    path = tmp_path / "person-count.service"
    path.write_text(unit)
    done = subprocess.run(
        [analyze, "security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-300:]
    assert f"rates it {EXPOSURE}" in (project / "docs" / "operations.md").read_text("utf-8")


def test_it_starts_commands_that_exist(unit: str) -> None:
    import typer  # noqa: PLC0415 - only here

    from person_count import app  # noqa: PLC0415 - likewise

    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    started = [found[1].split() for found in RUN.findall(unit)]
    assert [words[0] for words in started] == ["migrate", "serve"]
    for words in started:
        options = {text for parameter in known[words[0]].params for text in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options
