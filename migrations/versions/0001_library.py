"""Files, images, faces and the changelog."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "changelog",
        sa.Column("seq", ROW_ID, nullable=False),
        sa.Column("generation_id", sa.BigInteger(), nullable=False),
        sa.Column("face_id", sa.BigInteger(), nullable=False),
        sa.Column("added", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_changelog")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_changelog_generation_id"), "changelog", ["generation_id"], unique=False
    )
    op.create_table(
        "generations",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("model_id", sa.String(length=200), nullable=False),
        sa.Column("weights", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generations")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "images",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("orphaned_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("sha256", name=op.f("uq_images_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_images_orphaned_at"), "images", ["orphaned_at"], unique=False)
    op.create_table(
        "analyses",
        sa.Column("image_id", ROW_ID, nullable=False),
        sa.Column("generation_id", ROW_ID, nullable=False),
        sa.Column("face_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["generations.id"],
            name=op.f("fk_analyses_generation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_analyses_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_id", "generation_id", name=op.f("pk_analyses")),
    )
    op.create_index(op.f("ix_analyses_generation_id"), "analyses", ["generation_id"], unique=False)
    op.create_table(
        "faces",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("image_id", ROW_ID, nullable=False),
        sa.Column("generation_id", ROW_ID, nullable=False),
        sa.Column("x1", sa.Double(), nullable=False),
        sa.Column("y1", sa.Double(), nullable=False),
        sa.Column("x2", sa.Double(), nullable=False),
        sa.Column("y2", sa.Double(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("landmarks", sa.LargeBinary(), nullable=False),
        sa.Column("sharpness", sa.Double(), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(embedding) = 4 * dim", name=op.f("ck_faces_embedding_length")),
        sa.ForeignKeyConstraint(
            ["generation_id"],
            ["generations.id"],
            name=op.f("fk_faces_generation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_faces_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_faces")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_faces_generation_id"), "faces", ["generation_id"], unique=False)
    op.create_index(
        "ix_faces_image_id_generation_id", "faces", ["image_id", "generation_id"], unique=False
    )
    op.create_table(
        "files",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("ctime_ns", sa.BigInteger(), nullable=False),
        sa.Column("inode", sa.String(length=24), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("image_id", ROW_ID, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("ready_at", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_files_image_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("path", name=op.f("uq_files_path")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_files_image_id"), "files", ["image_id"], unique=False)
    op.create_index("ix_files_queue", "files", ["state", "priority", "ready_at"], unique=False)


def downgrade() -> None:
    op.drop_table("files")
    op.drop_table("faces")
    op.drop_table("analyses")
    op.drop_table("images")
    op.drop_table("generations")
    op.drop_table("changelog")
