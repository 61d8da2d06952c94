"""What people said about faces: the same person, different persons, no person."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "judgements",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("x1", sa.Double(), nullable=False),
        sa.Column("y1", sa.Double(), nullable=False),
        sa.Column("x2", sa.Double(), nullable=False),
        sa.Column("y2", sa.Double(), nullable=False),
        sa.Column("other_sha256", sa.LargeBinary(32), nullable=True),
        sa.Column("other_x1", sa.Double(), nullable=True),
        sa.Column("other_y1", sa.Double(), nullable=True),
        sa.Column("other_x2", sa.Double(), nullable=True),
        sa.Column("other_y2", sa.Double(), nullable=True),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_judgements"),
        sa.UniqueConstraint("undoes", name="uq_judgements_undoes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_judgements_sha256", "judgements", ["sha256"])
    op.create_index("ix_judgements_other_sha256", "judgements", ["other_sha256"])


def downgrade() -> None:
    op.drop_table("judgements")
