"""Reads and reports what the program knows of the photos: each file, the library, ingest.

It imports counting and the rooms below. Service and ingest may import it.
"""
