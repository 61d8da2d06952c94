"""Checks who may ask what, from where, and how much at once.

It imports contract and index. Uploading, handlers and edge may import it.
"""
