"""Sockets, TLS, signals, and the checks before a handler sees a request.

It is the top room of the service; only the commands import it.
"""
