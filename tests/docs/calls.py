"""Runs examples of the documentation as a reader would: a shell, Python and Node.js."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SECONDS = 60


def run_example(kind: str, code: str, folder: Path, **variables: str) -> Any:
    """What *code* prints when it is run in *folder*, as Python values.

    Args:
        kind: sh, python or javascript.
        variables: more of the environment.
    """
    command, also = {
        "sh": (["bash", "-e", "-c", code], "curl"),
        "python": ([sys.executable, "-c", code], sys.executable),
        "javascript": (["node", "--input-type=module", "--eval", code], "node"),
    }[kind]
    if shutil.which(also) is None:
        pytest.skip(f"{also} is not installed")
    environment = os.environ | {"NODE_EXTRA_CA_CERTS": "data/tls.crt"} | variables
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout) if kind == "python" else json.loads(done.stdout)
