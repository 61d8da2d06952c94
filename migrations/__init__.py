"""The database's schema, one revision after the other (Alembic)."""
