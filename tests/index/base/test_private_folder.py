"""The data folder holds faces: only its owner may look inside."""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.base.errors import ConfigError
from index.base.private_folder import make_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def generous_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_new_folder_is_private_whatever_the_umask_is(tmp_path: Path) -> None:
    make_private(tmp_path / "home" / "data")
    assert mode(tmp_path / "home" / "data") == 0o700


@pytest.mark.parametrize("before", [0o755, 0o777, 0o750, 0o701, 0o704, 0o2770])
def test_an_open_folder_is_closed_and_that_is_said(
    tmp_path: Path, before: int, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(before)
    make_private(folder)
    assert mode(folder) & 0o777 == 0o700
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"data_folder.closed mode_before={before & 0o077:o}"


def test_a_private_folder_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tmp_path.chmod(0o700)
    make_private(tmp_path)
    assert caplog.records == []


def test_a_folder_that_cannot_be_closed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(ConfigError, match=r"Operation not permitted.*setting data"):
        make_private(tmp_path)


def test_a_share_that_ignores_the_change_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(Path, "chmod", lambda *_, **__: None)
    with pytest.raises(ConfigError, match=r"file system keeps it so"):
        make_private(tmp_path)
