"""The database: opening it, its tables and revisions, and in queries/ all of the SQL.

It imports base. Every room above it, ingest and service may import it. Only this room knows whether
the database is SQLite or PostgreSQL; what differs between them is in engines/.
"""
