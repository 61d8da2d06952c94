"""The operator's jobs on a whole library: back up, restore, verify, forget.

It imports counting and the rooms below. Ingest and the commands may import it; the service may not.
"""
