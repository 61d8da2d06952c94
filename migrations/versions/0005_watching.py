"""The report of the ingest process, and the state of every root at its last scan."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ingest_report",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("reported_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ingest_report"),
    )
    op.create_table(
        "places",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("device", sa.String(24), nullable=False),
        sa.Column("inode", sa.String(24), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("reason", sa.String(16), nullable=True),
        sa.Column("held_scans", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("held_seconds", sa.Float(), nullable=False, server_default="0"),
        sa.Column("accepted", sa.Boolean(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("path", name="pk_places"),
    )


def downgrade() -> None:
    op.drop_table("places")
    op.drop_table("ingest_report")
