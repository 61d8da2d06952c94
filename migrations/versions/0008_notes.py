"""A note on an image that was read although something is wrong with it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("images", sa.Column("note", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("images", "note")
