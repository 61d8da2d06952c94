"""Answers questions: waits for the files, gathers the faces, counts.

It imports index and contract. Monitoring, handlers and edge may import it.
"""
