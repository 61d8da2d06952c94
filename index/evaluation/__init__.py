"""Measures on labelled faces how good the counts are.

It imports counting and the rooms below. Ingest and the commands may import it; the service may not.
"""
