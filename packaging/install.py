"""make install: installs the program and what it needs into the environment that runs this.

The usual PyTorch brings 4 GB of CUDA libraries, which nothing uses without an NVIDIA GPU. So its
build for the CPU is taken, as in the Dockerfile, from the only place that has it. Where that cannot
be reached, or a GPU's driver is there, it is the usual one.
"""

import ctypes
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

CPU_BUILDS = "https://download.pytorch.org/whl/cpu"
ANSWER_SECONDS = 5
ASKING_SECONDS = 15  # in all: to look a name up may take long where there is no network
PROJECT = Path(__file__).resolve().parent.parent
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
OTHER_SOURCES = ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_CONFIG_FILE")


def main() -> int:
    """Install everything, and say which PyTorch it is. Returns the exit code."""
    print(take_torch(has_driver=has_driver()), flush=True)
    return subprocess.run([*PIP, "install", "--quiet", "--editable", f"{PROJECT}[dev]"]).returncode


def take_torch(*, has_driver: bool, pip: Sequence[str] = PIP, builds: str = CPU_BUILDS) -> str:
    """Install the CPU's PyTorch if that is wanted and there. Returns what comes, in a sentence."""
    if found := installed_torch():
        return f"PyTorch {found} is installed already"
    if has_driver:
        return "taking PyTorch with CUDA, because an NVIDIA driver is here"
    if not answers(pip, builds):
        return (
            f"taking PyTorch with 4 GB of CUDA libraries: its build for the CPU is at {builds}, "
            "which cannot be reached"
        )
    print("taking PyTorch for the CPU, without CUDA", flush=True)
    # without its dependencies: those come with the rest, from where that comes from
    command = [*pip, "install", "--quiet", "--no-deps", "--index-url", builds, *torch_packages()]
    if subprocess.run(command, env=only_there()).returncode:
        return "PyTorch for the CPU was not installed: taking the one with 4 GB of CUDA libraries"
    return "PyTorch for the CPU is installed; installing the rest"


def has_driver() -> bool:
    """Whether NVIDIA's driver is here."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def installed_torch() -> str | None:
    """The version of the PyTorch that is installed; None if there is none."""
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return None


def torch_packages() -> list[str]:
    """What pyproject.toml requires of PyTorch's packages."""
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    return [
        one for one in tomllib.loads(text)["project"]["dependencies"] if one.startswith("torch")
    ]


def answers(pip: Sequence[str], builds: str) -> bool:
    """Whether the place of the builds can be reached and has some for this Python."""
    command = [*pip, "index", "versions", "torch", "--index-url", builds]
    command += ["--timeout", str(ANSWER_SECONDS), "--retries", "0"]
    try:
        done = subprocess.run(
            command, capture_output=True, env=only_there(), timeout=ASKING_SECONDS
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def only_there() -> dict[str, str]:
    """An environment in which pip looks nowhere else; others may have a newer one, with CUDA."""
    own = {name: value for name, value in os.environ.items() if name not in OTHER_SOURCES}
    return own | {"PIP_CONFIG_FILE": os.devnull}


if __name__ == "__main__":
    sys.exit(main())
