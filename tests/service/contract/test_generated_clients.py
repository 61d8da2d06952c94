"""Clients that real generators make of the description are installed and ask the service."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.running import Service, running_service

pytestmark = pytest.mark.timeout(300)  # npm fetches what is not in its cache

TYPESCRIPT = Path(__file__).parent / "typescript"
FILES = {"a.png": (1,), "b.png": (2, 3), "wall.png": ()}
ANSWER = [3, "0.2", 404, "File does not exist"]
ASK = """
import json, ssl, sys
from key_person_counting_client import Client
from key_person_counting_client.api.counting import get_person_count

base, certificate, *files = sys.argv[1:]
trust = ssl.create_default_context(cafile=certificate)
# trust_env: a proxy of this machine is not asked
with Client(base_url=base, verify_ssl=trust, httpx_args={"trust_env": False}) as client:
    count = get_person_count.sync(client=client, filepath=files, threshold="0.2")
    refusal = get_person_count.sync(client=client, filepath=["none.png"])
print(json.dumps([count.person_num, count.threshold, refusal.cord, refusal.error]))
"""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("asked")) as service:
        for name, people in FILES.items():
            service.drop(name, *people)
        yield service


@pytest.fixture
def description(asked: Service, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_bytes(asked.send("GET", "/openapi.json").body)
    return path


def output_of(*command: str | Path, folder: Path, **variables: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_python_client_is_installed_and_asks(
    asked: Service, description: Path, tmp_path: Path
) -> None:
    made, installed = tmp_path / "made", tmp_path / "installed"
    tool = Path(sys.executable).parent / "openapi-python-client"
    options = ("--path", description, "--meta", "setup", "--output-path", made)
    report = output_of(tool, "generate", *options, folder=tmp_path)
    assert "PUT /files" not in report  # each part that is missing would be named
    # what it needs is here already, and setuptools to build it: nothing is fetched
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    output_of(
        *pip, "--no-deps", "--no-build-isolation", "--target", installed, made, folder=tmp_path
    )
    assert list(installed.glob("key_person_counting_client-*.dist-info"))
    api = installed / "key_person_counting_client" / "api"
    assert not (api / "default").exists()
    assert (api / "files" / "put_file.py").exists()
    base = f"https://127.0.0.1:{asked.thread.port}"
    command = (sys.executable, "-c", ASK, base, asked.certificate, *FILES)
    said = output_of(*command, folder=tmp_path, PYTHONPATH=str(installed))
    assert json.loads(said) == ANSWER


@pytest.fixture(scope="session")
def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the generator and the compiler, as package-lock.json pins them."""
    folder = tmp_path_factory.mktemp("typescript")
    missing = next((name for name in ("node", "npm") if shutil.which(name) is None), None)
    if missing is None:
        shutil.copytree(TYPESCRIPT, folder, dirs_exist_ok=True)
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
        fetched = subprocess.run(
            ["npm", "ci", *options], cwd=folder, capture_output=True, check=False, text=True
        )
        if fetched.returncode == 0:
            return folder
        missing = f"what npm installs: {fetched.stderr[-500:]}"
    if os.environ.get("CI"):
        pytest.fail(f"CI needs {missing}")
    pytest.skip(f"there is no {missing}")


def test_typescript_types_are_made_and_a_program_that_uses_them_asks(
    asked: Service, description: Path, typescript: Path
) -> None:
    tools = typescript / "node_modules" / ".bin"
    made = typescript / "service.d.ts"
    output_of(tools / "openapi-typescript", description, "--output", made, folder=typescript)
    options = ("--strict", "--target", "es2022", "--module", "nodenext")
    options += ("--lib", "es2022,dom,dom.iterable", "--outDir", "built")
    output_of(tools / "tsc", *options, "ask.ts", folder=typescript)
    base = f"https://127.0.0.1:{asked.thread.port}"
    said = output_of(
        "node",
        "built/ask.js",
        base,
        *FILES,
        folder=typescript,
        NODE_EXTRA_CA_CERTS=str(asked.certificate),
    )
    assert json.loads(said) == ANSWER
