"""From bytes that strangers sent to pixels, in processes that can do no harm.

It imports index and ingest.interfaces. Networks and jobs may import it.
"""
