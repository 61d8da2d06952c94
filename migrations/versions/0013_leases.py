"""Who has a file in hand and until when, and who does the jobs that only one process may do."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("files", sa.Column("claimed_by", sa.String(64), nullable=True))
    op.add_column("files", sa.Column("claimed_until", sa.Float(), nullable=True))
    claimed = sa.text("claimed_until IS NOT NULL")
    op.create_index(
        "ix_files_claimed_until",
        "files",
        ["claimed_until"],
        sqlite_where=claimed,
        postgresql_where=claimed,
    )
    op.create_table(
        "turns",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_turns"),
    )


def downgrade() -> None:
    op.drop_table("turns")
    op.drop_index("ix_files_claimed_until", "files")
    op.drop_column("files", "claimed_until")
    op.drop_column("files", "claimed_by")
