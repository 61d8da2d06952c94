"""Finds the faces of photos and embeds them with MTCNN and FaceNet, run through OpenVINO or torch.

It imports decoding, ingest.interfaces and index. Jobs may import it.
"""

import sys

# OpenVINO reports each conversion of a model to its makers; without this module it does not.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
