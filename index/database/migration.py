"""Migration: brings a database to the revision that this program needs."""

import os
from contextlib import suppress
from pathlib import Path

from alembic.migration import MigrationContext
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from index.base.errors import StoreError
from index.base.private_folder import make_private
from index.database.database_file import create_private, looks_like_database
from index.database.engine import NO_DATABASE, open_engine, transient_errors
from index.database.revisions import MIGRATIONS, head_revision, known_revisions, unknown


def is_missing(path: Path) -> bool:
    """Whether there is no database at *path*, or only what an interrupted creation left there."""
    if not path.is_file():
        return not os.path.lexists(path)
    if path.stat().st_size == 0:
        return True
    if not looks_like_database(path):
        return False
    engine = open_engine(path, writer=False)
    try:
        with transient_errors(), engine.connect() as connection:
            return connection.scalar(text("SELECT 1 FROM sqlite_master LIMIT 1")) is None
    except DBAPIError:  # it is damaged; whoever opens it says so
        return False
    finally:
        engine.dispose()


def migrate(path: Path) -> tuple[str | None, str]:
    """Bring the database at *path* to this program's revision, creating it if need be.

    A populated database is copied to ``person_count.db.before-REVISION`` first.

    Returns: the revisions before and after.

    Raises:
        StoreError: the file is no database, or is newer than this program.
        StoreUnavailableError: the disk is full or fails.
    """
    from alembic import command  # noqa: PLC0415 - only this command needs it
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    make_private(path.parent)
    with suppress(OSError):  # the file exists, or SQLite will say what is wrong
        create_private(path)
    engine = open_engine(path, writer=True)
    # Rebuilding a table drops the old one; with foreign keys on, that would delete its children.
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA foreign_keys=OFF"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with transient_errors(), engine.connect() as connection:
            before = MigrationContext.configure(connection).get_current_revision()
            connection.rollback()
            head = head_revision()
            if before == head:
                return before, head
            if before is not None and before not in known_revisions():
                raise StoreError(f"{path} {unknown(before)}")
            if before is not None:
                copy = path.with_name(f"{path.name}.before-{head}")
                copy.unlink(missing_ok=True)
                with suppress(OSError):
                    create_private(copy)
                connection.exec_driver_sql("COMMIT")  # VACUUM must stand outside a transaction
                connection.exec_driver_sql("VACUUM INTO ?", (str(copy),))
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if problems := integrity_problems(connection):
                raise StoreError(f"{path} was not migrated: {problems[0]}")
            connection.commit()
    except CommandError as error:
        raise StoreError(f"{path} was not migrated: {error}") from error
    except DBAPIError as error:
        raise StoreError(f"{path} was not migrated: {error.orig}; {NO_DATABASE}") from error
    finally:
        engine.dispose()
    path.chmod(0o600)
    return before, head


def integrity_problems(connection: Connection) -> list[str]:
    """The faults that SQLite itself finds in the file: in its pages, then in foreign keys."""
    found = [row for row in connection.scalars(text("PRAGMA quick_check")) if row != "ok"]
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    found += [f"{row[0]} row {row[1]} refers to a missing row of {row[2]}" for row in broken]
    return found
