"""Turns untrusted bytes into pixels, in confined processes.

It imports index and ingest.interfaces. Networks and jobs may import it.
"""
