"""The HTTP handlers, each with its route: they parse a request, ask a room below, and answer.

Edge may import it.
"""
