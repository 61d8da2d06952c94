"""The revisions of the database's tables that this program knows."""

from pathlib import Path

from alembic.script import ScriptDirectory

from index.base.errors import StoreError

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def head_revision() -> str:
    """The revision that this program's tables have."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if head is None:
        raise StoreError(f"no migrations found in {MIGRATIONS}")
    return head


def known_revisions() -> set[str]:
    """Every revision that this program can upgrade to its own."""
    return {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


def unknown(revision: str) -> str:
    """The message for a database with a *revision* that this program does not know."""
    return (
        f"has schema revision {revision}, which this program does not know; "
        "install the version that wrote it"
    )
