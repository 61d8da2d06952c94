"""The number of crashes of each file, and the position up to which the changelog was pruned."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("files", sa.Column("crashes", sa.Integer(), nullable=False, server_default="0"))
    op.add_column(
        "generations", sa.Column("pruned_upto", sa.BigInteger(), nullable=False, server_default="0")
    )
    # before this revision, changes were pruned up to the oldest snapshot kept
    op.execute(
        "UPDATE generations SET pruned_upto = coalesce((SELECT min(upto_seq) FROM snapshots "
        "WHERE generation_id = generations.id), 0)"
    )


def downgrade() -> None:
    op.drop_column("generations", "pruned_upto")
    op.drop_column("files", "crashes")
