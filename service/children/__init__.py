"""Starts the service's child processes: ingest, and the one that makes pictures.

It imports index. Monitoring, handlers and edge may import it.
"""
