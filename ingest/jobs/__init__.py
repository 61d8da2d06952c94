"""The jobs of ingest: index the queue, re-index, count without a server.

It imports every other room of ingest, and index. Only the commands import it.
"""
