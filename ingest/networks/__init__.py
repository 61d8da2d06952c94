"""Finds the faces of photos and embeds them with MTCNN and FaceNet, run through OpenVINO or torch.

It imports decoding, ingest.interfaces and index. Jobs may import it.
"""
