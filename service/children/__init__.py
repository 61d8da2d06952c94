"""The processes that the service starts: ingest, and the one that makes pictures.

It imports index. Monitoring, handlers and edge may import it.
"""
