"""Which processes use the library, when each was seen last, and how much it has stored.

On a server, the index of a generation's faces gets their ids, too: to list them, it read the whole
table. SQLite's indexes have them anyway.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "processes",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("machine", sa.String(255), nullable=False),
        sa.Column("folder", sa.String(16), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("started", sa.Float(), nullable=False),
        sa.Column("seen", sa.Float(), nullable=False),
        sa.Column("files", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("faces", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_processes"),
    )
    _index_faces(include=["id"])


def _index_faces(include: list[str]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_faces_generation_id", "faces")
        op.create_index(
            "ix_faces_generation_id", "faces", ["generation_id"], postgresql_include=include
        )


def downgrade() -> None:
    _index_faces(include=[])
    op.drop_table("processes")
