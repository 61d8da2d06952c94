"""Photos that callers send: may they come, and how they get into the drop folder whole.

It imports guards and contract. Handlers and edge may import it.
"""
