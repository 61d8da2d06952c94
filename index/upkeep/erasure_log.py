"""The erasure log: which content was erased, kept beside the database and outside its backups.

A plain file, ``data/erasures.log``: a random key on the first line, then one line a decision. A
line is on the disk before the rows go, and a database knows the last line it has applied. So what
an interrupted erasure left undone, and what a restored backup brings back, is found in the same
way: by the lines that the database has not applied yet. It is no second database because it only
ever grows, and must survive whatever happens to one.

Content is named by HMAC-SHA256 under the key: neither the log nor a backup of the database alone
tells whether a given photo was erased.
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
    """Turn what the disk does to a file, or another user did, into StoreUnavailableError."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailableError(
            f"the erasure log cannot be {done} at present: {error.strerror}"
        ) from error


class ErasureLog:
    """The log of one data folder. Whoever appends must hold the erasure lock."""

    def __init__(self, data: Path) -> None:
        self.path = data / "erasures.log"
        self._known_key: bytes | None = None

    def digest(self, sha256: bytes) -> bytes:
        """The name of content in the log; creates the log, and with it the key, if need be."""
        return hmac.digest(self._key() or self._create(), sha256, hashlib.sha256)

    def suppressed(self, connection: Connection, sha256s: Collection[bytes]) -> set[bytes]:
        """Those SHA-256 digests whose content must not be indexed.

        Raises:
            StoreError: something was suppressed, and the log with its key is gone.
        """
        if self._key() is None:
            self.check(connection)
            return set()
        names = {self.digest(sha256): sha256 for sha256 in sha256s}
        return {names[found] for found in erasures.suppressed(connection, names)}

    def unapplied(self, connection: Connection) -> list[Entry]:
        """The decisions that the database does not know yet, in order.

        Raises:
            StoreError: the database has applied another log, or one that is not there.
        """
        self.check(connection)
        last = erasures.last(connection)
        if last is None:
            return self.entries(0)
        found = self.entries(last.seq - 1)
        if found and found[0].seq == last.seq and found[0].content != last.content:
            raise StoreError(
                f"{self.path} belongs to another database; put the one that belongs to this there"
            )
        return [entry for entry in found if entry.seq > last.seq]

    def check(self, connection: Connection) -> None:
        """Raise StoreError if the database has applied a log that is not there."""
        if self._key() is None and erasures.last_seq(connection):
            raise StoreError(
                f"{self.path} is missing, and without its key forgotten photos would be indexed "
                "again; put it back from a copy of the data folder"
            )

    def append(
        self, decisions: Sequence[tuple[bytes, ErasureAction]], after: int, now: float
    ) -> list[Entry]:
        """Write decisions, each a digest() and what to do, to the disk.

        Args:
            after: the last entry that the database has applied, should the log be shorter.

        Returns: the entries, which the database has to apply next.

        Raises:
            StoreUnavailableError: they cannot be written at present.
        """
        with _on_disk(), open(self.path, "r+b") as stream:
            lines = stream.read().split(b"\n")
            stream.seek(-len(lines.pop()), os.SEEK_END)  # what a crash has torn was never applied
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
        partial = self.path.with_name(self.path.name + ".partial")
        with _on_disk():
            partial.unlink(missing_ok=True)
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w") as stream:
                stream.write(f"{_KEY}{key.hex()}\n")
                stream.flush()
                os.fsync(handle)
            partial.replace(self.path)
            sync(self.path.parent)
        self._known_key = key
        return key
