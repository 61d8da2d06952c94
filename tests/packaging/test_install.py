"""Which PyTorch `make install` takes: real pip asks a real server; a stand-in for pip installs."""

import importlib.util
import json
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

LINK = b'<!DOCTYPE html><a href="torch-2.14.0%2Bcpu-py3-none-any.whl">torch</a>'


class Builds(BaseHTTPRequestHandler):
    """A simple index that has a PyTorch."""

    def do_GET(self) -> None:  # the name is the library's
        self.send_response(200 if self.path == "/torch/" else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        if self.path == "/torch/":
            self.wfile.write(LINK)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def builds() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Builds) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def install(project: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", project / "packaging" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "installed_torch", lambda: None)
    return module


def stand_in(folder: Path, *failing: str) -> tuple[str, ...]:
    """A pip that writes down what it is told, and fails at the commands *failing*."""
    code = (
        "import json, os, sys\n"
        f"with open({str(folder / 'told')!r}, 'a') as told:\n"
        "    told.write(json.dumps(sys.argv[1:]) + '\\n')\n"
        f"sys.exit(sys.argv[1] in {failing!r})\n"
    )
    (folder / "pip.py").write_text(code)
    return (sys.executable, str(folder / "pip.py"))


def told(folder: Path) -> list[list[str]]:
    path = folder / "told"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_the_build_for_the_cpu_is_taken_from_its_place_alone(
    install: ModuleType, tmp_path: Path
) -> None:
    said = install.take_torch(has_driver=False, pip=stand_in(tmp_path), builds="https://there")
    assert said == "PyTorch for the CPU is installed; installing the rest"
    asked, taken = told(tmp_path)
    assert asked[:5] == ["index", "versions", "torch", "--index-url", "https://there"]
    assert taken[:5] == ["install", "--quiet", "--no-deps", "--index-url", "https://there"]
    assert [one.partition(">")[0] for one in taken[5:]] == ["torch", "torchvision"]
    assert install.only_there()["PIP_CONFIG_FILE"] == "/dev/null"


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        ("index", "CUDA libraries: its build for the CPU is at https://there, which cannot be"),
        ("install", "was not installed: taking the one with 4 GB of CUDA libraries"),
    ],
)
def test_where_it_cannot_be_had_the_usual_one_is_taken_and_said(
    install: ModuleType, tmp_path: Path, failing: str, said: str
) -> None:
    pip = stand_in(tmp_path, failing)
    assert said in install.take_torch(has_driver=False, pip=pip, builds="https://there")


def test_a_gpu_or_an_installed_one_keeps_pytorch_as_it_is(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "an NVIDIA driver is here" in install.take_torch(has_driver=True, pip=stand_in(tmp_path))
    monkeypatch.setattr(install, "installed_torch", lambda: "2.14.0")
    said = install.take_torch(has_driver=False, pip=stand_in(tmp_path))
    assert said == "PyTorch 2.14.0 is installed already"
    assert told(tmp_path) == []


def test_pip_tells_whether_the_place_answers(install: ModuleType, builds: str) -> None:
    assert install.answers(install.PIP, builds)
    assert not install.answers(install.PIP, f"{builds}/nothing")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens
        assert not install.answers(install.PIP, f"http://127.0.0.1:{closed.getsockname()[1]}")


def test_the_makefile_and_the_dockerfile_agree_on_the_cpu(project: Path) -> None:
    assert "packaging/install.py" in (project / "Makefile").read_text()
    assert "UV_TORCH_BACKEND=cpu" in (project / "Dockerfile").read_text()
