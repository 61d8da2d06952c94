"""Processes that use a library, as they say themselves; all times are of the database's clock."""

from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, exists, or_, select, update
from sqlalchemy.orm import aliased

from index.database.engine import upsert
from index.database.engines import engine_of
from index.database.schema import Process

SIGN_SECONDS = 15.0  # between two signs of life
LOST_SECONDS = 60.0  # without one; several may fail before
KEPT_SECONDS = 86_400.0  # a lost process is shown for so long


class Announced(NamedTuple):
    """What a process tells of itself.

    Attributes:
        name: one of index.base.worker_names.
        kind, state: ProcessKind and ProcessState, or words of another version.
        folder: tells the data folders of a machine apart.
        version: of the program.
    """

    name: str
    kind: str
    machine: str
    folder: str
    version: str
    state: str


class ProcessRow(NamedTuple):
    """A process as others see it.

    Attributes:
        told: what it told of itself last.
        started_at: seconds since 1970.
        silent_seconds: since its last sign of life.
        files, faces: how many it has stored since it started.
    """

    told: Announced
    started_at: float
    silent_seconds: float
    files: int
    faces: int

    @property
    def is_lost(self) -> bool:
        """Whether it has ended without saying so, or does not reach the database."""
        return self.silent_seconds > LOST_SECONDS


def sign(connection: Connection, told: Announced) -> None:
    """Give a sign of life: the first makes the process's row."""
    now = engine_of(connection).clock(connection)
    connection.execute(
        upsert(Process)
        .values(**told._asdict(), started=now, seen=now, files=0, faces=0)
        .on_conflict_do_update(
            index_elements=[Process.name], set_={"state": told.state, "seen": now}
        )
    )


def count(connection: Connection, name: str, files: int, faces: int) -> None:
    """Add what the process *name* stores in this transaction; nothing if it has no row."""
    if files or faces:
        connection.execute(
            update(Process)
            .where(Process.name == name)
            .values(files=Process.files + files, faces=Process.faces + faces)
        )


def remove(connection: Connection, name: str) -> None:
    """Remove the row of a process that ends."""
    connection.execute(delete(Process).where(Process.name == name))


def remove_lost(connection: Connection) -> None:
    """Remove lost processes after a day, or once another one has been started in their place."""
    now = engine_of(connection).clock(connection)
    later = aliased(Process)
    replaced = exists().where(
        later.kind == Process.kind,
        later.machine == Process.machine,
        later.folder == Process.folder,
        later.started > Process.seen,
        later.name != Process.name,  # if the clock was set back
    )
    lost = Process.seen < now - LOST_SECONDS
    gone = or_(Process.seen < now - KEPT_SECONDS, replaced)
    connection.execute(delete(Process).where(and_(lost, gone)))


def all_processes(connection: Connection) -> list[ProcessRow]:
    """Every process with a row, lost ones too, by machine, kind and start."""
    now = engine_of(connection).clock(connection)
    rows = connection.execute(
        select(
            Process.name,
            Process.kind,
            Process.machine,
            Process.folder,
            Process.version,
            Process.state,
            Process.started,
            Process.seen,
            Process.files,
            Process.faces,
        ).order_by(Process.machine, Process.kind, Process.started, Process.name)
    )
    return [
        ProcessRow(Announced(*row[:6]), row.started, max(0.0, now - row.seen), row.files, row.faces)
        for row in rows
    ]
