"""What is known of the photos: the state of each file, of the library and of ingest.

It imports counting and the rooms below. Service and ingest may import it.
"""
