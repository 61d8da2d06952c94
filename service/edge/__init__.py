"""Sockets, TLS, signals, and what is checked before a handler sees a request.

It is the top room of the service; only the commands import it.
"""
