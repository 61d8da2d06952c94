"""The SQLite database: opening it, its tables and revisions, and in queries/ all of the SQL.

It imports base. Every room above it, ingest and service may import it. Only this room knows that
the database is SQLite.
"""
