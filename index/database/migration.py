"""Migration: brings a database to the revision that this program needs."""

from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from index.base.database_url import Address
from index.base.errors import StoreError
from index.database.engines import engine_at, engine_of
from index.database.engines.interface import transient_errors
from index.database.revisions import MIGRATIONS, head_revision, known_revisions, unknown


def migrate(address: Address) -> tuple[str | None, str]:
    """Bring the database at *address* to this program's revision, creating it if need be.

    A populated file is copied to ``person_count.db.before-REVISION`` first; see
    Instead.upgrade_copy.

    Returns: the revisions before and after.

    Raises:
        StoreError: it is no database, or is newer than this program.
        StoreUnavailableError: the disk is full or fails, or the server cannot be reached.
    """
    from alembic import command  # noqa: PLC0415 - only this command needs it
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    engine = engine_at(address)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with transient_errors(engine), engine.alone() as connection:
            before = MigrationContext.configure(connection).get_current_revision()
            connection.rollback()
            head = head_revision()
            if before == head:
                return before, head
            if before is not None and before not in known_revisions():
                raise StoreError(f"{engine.place} {unknown(before)}")
            if before is not None:
                engine.copy_before(connection, head)
            if not connection.in_transaction():
                connection.begin()  # else Alembic commits its own table by itself
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if problems := integrity_problems(connection):
                raise StoreError(f"{engine.place} was not migrated: {problems[0]}")
            connection.commit()
    except CommandError as error:
        raise StoreError(f"{engine.place} was not migrated: {error}") from error
    except DBAPIError as error:
        said = " ".join(str(error.orig).split())
        raise StoreError(f"{engine.place} was not migrated: {said}; {engine.unusable}") from error
    return before, head


def integrity_problems(connection: Connection) -> list[str]:
    """The faults that the database itself finds in what is stored; see Instead.page_check."""
    return engine_of(connection).problems(connection)
