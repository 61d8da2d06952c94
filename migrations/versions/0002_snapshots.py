"""Stored snapshots of the vector index."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "index_chunks",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("generation_id", ROW_ID, nullable=False),
        sa.Column("face_count", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["generations.id"],
            name=op.f("fk_index_chunks_generation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_index_chunks")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_index_chunks_generation_id"), "index_chunks", ["generation_id"], unique=False
    )
    op.create_table(
        "snapshots",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("generation_id", ROW_ID, nullable=False),
        sa.Column("upto_seq", sa.BigInteger(), nullable=False),
        sa.Column("face_count", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.String(length=64), nullable=False),
        sa.Column("faiss_version", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["generations.id"],
            name=op.f("fk_snapshots_generation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshots")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_snapshots_generation_id"), "snapshots", ["generation_id"], unique=False
    )
    op.create_table(
        "snapshot_chunks",
        sa.Column("snapshot_id", ROW_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("chunk_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["chunk_id"], ["index_chunks.id"], name=op.f("fk_snapshot_chunks_chunk_id")
        ),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["snapshots.id"],
            name=op.f("fk_snapshot_chunks_snapshot_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "position", name=op.f("pk_snapshot_chunks")),
        sa.UniqueConstraint(
            "snapshot_id", "chunk_id", name=op.f("uq_snapshot_chunks_snapshot_id_chunk_id")
        ),
    )
    op.create_index(
        op.f("ix_snapshot_chunks_chunk_id"), "snapshot_chunks", ["chunk_id"], unique=False
    )


def downgrade() -> None:
    op.drop_table("snapshot_chunks")
    op.drop_table("snapshots")
    op.drop_table("index_chunks")
