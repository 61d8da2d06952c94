"""Notices changes in the folders, and decides whether a missing file was deleted.

It imports index only. Jobs may import it.
"""
