"""The erasure log: the decisions to erase content, kept beside the database, outside its backups.

It is a plain file, ``data/erasures.log``: a random key on the first line, then one line for each
decision. A line is on the disk before the rows are removed, and a database records the last line
that it has applied. Lines that it has not applied yet are the rest of an interrupted erasure, or
were written after a restored backup was made: both are handled in the same way. It is no table,
because it must survive the loss of the database. Lines are only ever added.

Content is named by HMAC-SHA256 under the key. So neither the log alone nor a backup of the database
alone tells whether a given photo was erased.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from index.base.errors import StoreError, StoreUnavailableError
from index.database.database_file import sync
from index.database.queries import erasures
from index.database.queries.erasures import Entry
from index.database.states import ErasureAction

FORGOTTEN = "it was forgotten on request"
_KEY = "key "


@contextmanager
def _on_disk(done: str = "written") -> Iterator[None]:
    """Raise StoreUnavailableError when the log cannot be read or written."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailableError(
            f"the erasure log cannot be {done} at present: {error.strerror}"
        ) from error


class ErasureLog:
    """The log of one data folder. Hold the erasure lock to append to it."""

    def __init__(self, data: Path) -> None:
        self.path = data / "erasures.log"
        self._known_key: bytes | None = None

    def link_to(self, log: "ErasureLog") -> None:
        """Make this a link to *log*, which need not exist yet: two data folders share one log.

        Raises:
            StoreError: this is a log of its own.
            OSError: the data folder cannot be written.
        """
        here, there = (os.path.realpath(found.path.parent) for found in (self, log))
        target = Path(os.path.relpath(there, here)) / log.path.name  # so that both can be moved
        if self.path.is_symlink():
            if self.path.readlink() == target:
                return
            self.path.unlink()
        elif self.path.exists():
            raise StoreError(f"{self.path} is a log of its own")
        self.path.symlink_to(target)

    def digest(self, sha256: bytes) -> bytes:
        """The name of content in the log. Creates the log with its key if it is missing."""
        return hmac.digest(self._key() or self._create(), sha256, hashlib.sha256)

    def suppressed(self, connection: Connection, sha256s: Collection[bytes]) -> set[bytes]:
        """The SHA-256 digests among *sha256s* whose content must not be indexed.

        Raises:
            StoreError: content was suppressed, but the log with its key is gone.
        """
        if self._key() is None:
            self.check(connection)
            return set()
        names = {self.digest(sha256): sha256 for sha256 in sha256s}
        return {names[found] for found in erasures.suppressed(connection, names)}

    def unapplied(self, connection: Connection) -> list[Entry]:
        """The decisions that the database has not applied yet, in order.

        Raises:
            StoreError: the database has applied another log, or one that is missing.
        """
        self.check(connection)
        last = erasures.last(connection)
        if last is None:
            return self.entries(0)
        found = self.entries(last.seq - 1)
        if found and found[0].seq == last.seq and found[0].content != last.content:
            raise StoreError(
                f"{self.path} belongs to another database; put this database's own log there"
            )
        return [entry for entry in found if entry.seq > last.seq]

    def check(self, connection: Connection) -> None:
        """Raise StoreError if the database has applied a log that is missing."""
        if self._key() is None and erasures.last_seq(connection):
            raise StoreError(
                f"{self.path} is missing, and without its key forgotten photos would be indexed "
                "again; put it back from a copy of the data folder"
            )

    def append(
        self, decisions: Sequence[tuple[bytes, ErasureAction]], after: int, now: float
    ) -> list[Entry]:
        """Write decisions, each a digest() with its action, to the disk.

        Args:
            after: the last entry that the database has applied; the log may be shorter.

        Returns: the entries, which the database has to apply next.

        Raises:
            StoreUnavailableError: they cannot be written at present.
        """
        with _on_disk(), open(self.path, "r+b") as stream:
            lines = stream.read().split(b"\n")
            stream.seek(-len(lines.pop()), os.SEEK_END)  # a line torn by a crash was not applied
            stream.truncate()
            last = self._parse(lines[-1].decode(), len(lines)).seq if len(lines) > 1 else 0
            made = [
                Entry(max(last, after) + number, content, action, now)
                for number, (content, action) in enumerate(decisions, start=1)
            ]
            text = "".join(f"{e.seq} {e.action} {e.content.hex()} {e.at!r}\n" for e in made)
            stream.write(text.encode())
            stream.flush()
            os.fsync(stream.fileno())
        return made

    def entries(self, after: int) -> list[Entry]:
        """The decisions with a number above *after*, in order.

        Raises:
            StoreError: a line is damaged.
            StoreUnavailableError: it cannot be read at present.
        """
        if not self.path.exists():
            return []
        found: list[Entry] = []
        with _on_disk("read"), open(self.path, encoding="ascii", errors="replace") as stream:
            for number, line in enumerate(stream, start=1):
                if number == 1 or not line.endswith("\n"):
                    continue
                entry = self._parse(line, number)
                if entry.seq > after:
                    found.append(entry)
        return found

    def _parse(self, line: str, number: int) -> Entry:
        try:
            seq, action, content, at = line.split()
            return Entry(int(seq), bytes.fromhex(content), ErasureAction(action), float(at))
        except ValueError as error:
            raise StoreError(
                f"line {number} of {self.path} is damaged; put the file back from a copy"
            ) from error

    def _key(self) -> bytes | None:
        if self._known_key is None and self.path.exists():
            with _on_disk("read"), open(self.path, encoding="ascii", errors="replace") as stream:
                first = stream.readline()
            try:
                if not first.startswith(_KEY) or not first.endswith("\n"):
                    raise ValueError(first)
                self._known_key = bytes.fromhex(first[len(_KEY) :])
            except ValueError as error:
                raise StoreError(
                    f"the key in {self.path} is damaged; put the file back from a copy"
                ) from error
        return self._known_key

    def _create(self) -> bytes:
        key = secrets.token_bytes(32)
        path = Path(os.path.realpath(self.path))  # a link to a log that others share stays one
        partial = path.with_name(path.name + ".partial")
        with _on_disk():
            partial.unlink(missing_ok=True)
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w") as stream:
                stream.write(f"{_KEY}{key.hex()}\n")
                stream.flush()
                os.fsync(handle)
            partial.replace(path)
            sync(path.parent)
        self._known_key = key
        return key
