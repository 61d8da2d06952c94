"""The length of each face's vector, so that nothing needs to read the vectors for it."""

import math

import numpy as np
import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BATCH = 1_000  # rows in memory, some 2 MB of vectors

faces = sa.table(
    "faces",
    sa.column("id", sa.BigInteger),
    sa.column("embedding", sa.LargeBinary),
    sa.column("embedding_norm", sa.Double),
)


def upgrade() -> None:
    op.add_column(
        "faces", sa.Column("embedding_norm", sa.Double(), server_default="0", nullable=False)
    )
    connection = op.get_bind()
    after = sa.bindparam("after", type_=sa.BigInteger)
    some = sa.select(faces.c.id, faces.c.embedding).where(faces.c.id > after)
    some = some.order_by(faces.c.id).limit(BATCH)
    fill = faces.update().where(faces.c.id == sa.bindparam("face"))
    fill = fill.values(embedding_norm=sa.bindparam("norm"))
    last = 0
    while rows := connection.execute(some, {"after": last}).all():
        connection.execute(
            fill, [{"face": row.id, "norm": _norm(bytes(row.embedding))} for row in rows]
        )
        last = rows[-1].id


def _norm(blob: bytes) -> float:
    with np.errstate(invalid="ignore"):
        norm = float(np.linalg.norm(np.frombuffer(blob, "<f4").astype(np.float64)))
    # damaged vectors may hold anything; SQLite would store a number that is none as NULL
    return norm if math.isfinite(norm) else 0.0


def downgrade() -> None:
    op.drop_column("faces", "embedding_norm")
