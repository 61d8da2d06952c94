"""The vector space of a model, and the FAISS index that is kept in it.

It imports database and base. The counting, ingest and the service's follower build on it.
"""
