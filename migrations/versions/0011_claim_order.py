"""An index in the order in which files are claimed, and one index less to write for each image."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # only queued files have a ready_at from now on: the index holds just these
    op.execute("UPDATE files SET ready_at = NULL WHERE state NOT IN ('pending', 'failed')")
    waiting = sa.text("ready_at IS NOT NULL")
    op.create_index(
        "ix_files_claim",
        "files",
        [sa.text("priority DESC"), "ready_at", "crashes", "id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    # analyses are found by image; the few queries for a whole generation read the whole table
    op.drop_index("ix_analyses_generation_id", "analyses")


def downgrade() -> None:
    op.create_index("ix_analyses_generation_id", "analyses", ["generation_id"])
    op.drop_index("ix_files_claim", "files")
