"""Files that failed for good are read again: some of them are now of a state of their own.

Those that are no photos, such as videos, get the state no_photo. Others may be of a format that is
read since.
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # without attempts are those that are never read, such as links
    op.execute(
        "UPDATE files SET state = 'pending', attempts = 0, error = NULL, ready_at = 0"
        " WHERE state = 'failed' AND ready_at IS NULL AND attempts > 0"
    )


def downgrade() -> None:
    op.execute("UPDATE files SET state = 'failed', attempts = 1 WHERE state = 'no_photo'")
