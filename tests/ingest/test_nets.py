"""Nothing is sent anywhere: OpenVINO would report model conversions to its makers."""

import subprocess
import sys

import pytest

PROGRAM = """
import socket, sys
import ingest.models
from openvino.tools.ovc import convert_impl, telemetry_utils
assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub", telemetry_utils.tm
assert convert_impl.tm.__name__ == "openvino.tools.ovc.telemetry_stub", convert_impl.tm
assert not [name for name in sys.modules if name.startswith("openvino_telemetry.")]
"""


@pytest.mark.models
def test_converting_models_reports_nothing_to_anybody() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
