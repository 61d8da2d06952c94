"""A generation names its model; the names of the models that were there are others now.

Ids change with the names, since they begin with them. Libraries of weights by path keep theirs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NAMES = {"casia-webface": "facenet", "vggface2": "facenet-vggface2"}

generations = sa.table("generations", sa.column("model", sa.Text), sa.column("model_id", sa.String))


def upgrade() -> None:
    op.execute("ALTER TABLE generations RENAME COLUMN weights TO model")
    for old, new in NAMES.items():
        _rename(old, new)


def downgrade() -> None:
    for old, new in NAMES.items():
        _rename(new, old)
    op.execute("ALTER TABLE generations RENAME COLUMN model TO weights")


def _rename(before: str, after: str) -> None:
    """The first digits of a SHA-256, which end an id, stay."""
    ending = sa.func.substr(generations.c.model_id, len(before) + 1)
    op.execute(
        generations.update()
        .where(generations.c.model == before, generations.c.model_id.like(f"{before}-%"))
        .values(model_id=sa.literal(after).concat(ending))
    )
    op.execute(generations.update().where(generations.c.model == before).values(model=after))
