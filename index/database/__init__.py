"""The SQLite database: opening it, its tables and revisions, and in queries/ all of the SQL.

It imports base. Every room above it, ingest and service may import it; only this room knows which
kind of database it is.
"""
