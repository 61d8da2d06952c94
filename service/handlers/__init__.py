"""The HTTP handlers, each with its route beside it: they parse, ask a room below, and write.

Edge may import it.
"""
