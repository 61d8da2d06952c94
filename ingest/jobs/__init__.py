"""The work itself: index what the queue holds, re-index, count without a server.

It imports every other room of ingest, and index. Only the commands import it.
"""
