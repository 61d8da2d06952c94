"""Uploads: decides whether a photo may be sent, and puts it into the drop folder complete.

It imports guards and contract. Handlers and edge may import it.
"""
