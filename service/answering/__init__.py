"""From a question to its answer: wait for the files, gather the faces, count.

It imports index and contract. Monitoring, handlers and edge may import it.
"""
