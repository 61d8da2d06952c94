"""The revisions of the database's tables that this program knows."""

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from index.base.errors import SchemaMismatchError, StoreError

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


def check_revision(connection: Connection, place: str) -> None:
    """Raise SchemaMismatchError, which names the cure, unless the tables are this program's."""
    found = MigrationContext.configure(connection).get_current_revision()
    head = head_revision()
    if found == head:
        return
    if found is not None and found not in known_revisions():
        raise SchemaMismatchError(f"{place} {unknown(found)}")
    raise SchemaMismatchError(
        f"{place} has schema revision {found or 'none'}, this program needs {head}; "
        "upgrade it with: person-count migrate"
    )
