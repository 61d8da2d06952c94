"""How good the counts are, measured on labelled faces.

It imports counting and the rooms below. Ingest and the commands may import it; the service may not.
"""
