"""Erasures, and the time when content was first indexed."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

IMAGES = {"sqlite_autoincrement": True}  # reflection does not see it: without this it would be lost


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(length=32), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_erasures")),
    )
    op.create_index(op.f("ix_erasures_content"), "erasures", ["content"], unique=False)
    with op.batch_alter_table("images", table_kwargs=IMAGES) as images:
        images.add_column(sa.Column("created_at", sa.Float(), nullable=True))
    op.execute(sa.text("UPDATE images SET created_at = :now").bindparams(now=time.time()))
    with op.batch_alter_table("images", table_kwargs=IMAGES) as images:
        images.alter_column("created_at", existing_type=sa.Float(), nullable=False)
        images.create_index(op.f("ix_images_created_at"), ["created_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("images", table_kwargs=IMAGES) as images:
        images.drop_index(op.f("ix_images_created_at"))
        images.drop_column("created_at")
    op.drop_table("erasures")
