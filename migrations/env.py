"""Runs the revisions on the connection that index.database.migration.migrate hands over."""

from alembic import context

from index.database.schema import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a table by rebuilding it
    transactional_ddl=False,  # the caller opens the transaction and commits it as a whole
)
context.run_migrations()
