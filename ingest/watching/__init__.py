"""Notices what changes in the folders, and decides what a missing file means.

It imports index only. Jobs may import it.
"""
