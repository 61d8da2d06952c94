"""Images that a re-index has put out in batches, for any process to embed."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    row_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "image_batches",
        sa.Column("id", row_id, nullable=False),
        sa.Column("generation_id", row_id, nullable=False),
        sa.Column("first_image", sa.BigInteger(), nullable=False),
        sa.Column("last_image", sa.BigInteger(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claimed_by", sa.String(64), nullable=True),
        sa.Column("claimed_until", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["generations.id"],
            name="fk_image_batches_generation_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_image_batches"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_image_batches_generation_id", "image_batches", ["generation_id"])


def downgrade() -> None:
    op.drop_table("image_batches")
