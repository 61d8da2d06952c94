"""An index that holds all that answers read of a face, so that they do not touch its long row."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_faces_answers",
        "faces",
        [
            "image_id",
            "generation_id",
            "x1",
            "y1",
            "x2",
            "y2",
            "probability",
            "sharpness",
            "landmarks",
        ],
    )
    op.drop_index("ix_faces_image_id_generation_id", "faces")


def downgrade() -> None:
    op.create_index("ix_faces_image_id_generation_id", "faces", ["image_id", "generation_id"])
    op.drop_index("ix_faces_answers", "faces")
