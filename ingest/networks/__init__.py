"""Finds the faces of photos and embeds them: MTCNN, FaceNet, and what runs them fast.

It imports decoding, ingest.interfaces and index. Jobs may import it.
"""
