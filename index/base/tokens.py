"""The file of bearer tokens: one line each, with the SHA-256 of the secret instead of the secret.

# name scope sha256
nightly-report read 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from index.base.errors import ConfigError

SECRET_BYTES = 32
MODE = 0o600
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_HEADING = "# name scope sha256\n"


class Scope(StrEnum):
    """The rights of a token; each includes those before it."""

    READ = "read"
    JUDGE = "judge"  # say who is whom
    ADMIN = "admin"


_SCOPES = tuple(Scope)


@dataclass(frozen=True, slots=True)
class Token:
    """A line of the file.

    Attributes:
        digest: SHA-256 of the secret, 64 hexadecimal digits.
    """

    name: str
    scope: Scope
    digest: str

    def may(self, scope: Scope) -> bool:
        """Whether the token has the rights of *scope*."""
        return _SCOPES.index(self.scope) >= _SCOPES.index(scope)


def digest_of(secret: bytes) -> str:
    """The digest of a secret, which is stored in its place."""
    return hashlib.sha256(secret).hexdigest()


def read_tokens(path: Path) -> tuple[Token, ...]:
    """The tokens in a file.

    Raises:
        ConfigError: it is missing or malformed, or others than its owner may use it.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, encoding="utf-8") as stream:
            _check_private(path, os.fstat(handle))
            lines = stream.read().splitlines()
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no tokens file {path}; make it with: person-count token add NAME"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"tokens file {path} cannot be read: {error}") from error
    return tuple(
        _parse(path, number, line)
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith("#")
    )


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"tokens file {path} is not a regular file")
    if found.st_uid != os.geteuid():
        raise ConfigError(f"tokens file {path} belongs to another user; chown it to this one")
    if stat.S_IMODE(found.st_mode) != MODE:
        raise ConfigError(f"tokens file {path} must be its owner's alone: chmod 600 {path}")


def _parse(path: Path, number: int, line: str) -> Token:
    parts = line.split()
    whole = len(parts) == 3  # noqa: PLR2004 - name, scope, digest
    if not whole or not _NAME.fullmatch(parts[0]) or not _DIGEST.fullmatch(parts[2]):
        # the line is not shown: it may hold a secret that was written there by mistake
        raise ConfigError(f"tokens file {path} line {number}: write NAME {'|'.join(Scope)} SHA256")
    try:
        return Token(parts[0], Scope(parts[1]), parts[2])
    except ValueError as error:
        raise ConfigError(
            f"tokens file {path} line {number}: scope is one of {', '.join(Scope)}"
        ) from error


def add_token(path: Path, name: str, scope: Scope) -> str:
    """Add a token, making the file if need be. Returns its secret, which is stored nowhere.

    Raises:
        ConfigError: the name is taken or malformed, or the file cannot be used.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"token name {name!r}: up to 64 letters, digits, dots, - and _")
    known = read_tokens(path) if path.exists() else ()
    if any(token.name == name for token in known):
        raise ConfigError(f"there is a token {name} already; remove it or choose another name")
    secret = secrets.token_urlsafe(SECRET_BYTES)
    _write(path, [*known, Token(name, scope, digest_of(secret.encode()))])
    return secret


def remove_token(path: Path, name: str) -> None:
    """Remove a token's line.

    Raises:
        ConfigError: there is no such token, or the file cannot be used.
    """
    known = read_tokens(path)
    left = [token for token in known if token.name != name]
    if len(left) == len(known):
        raise ConfigError(f"there is no token {name} in {path}")
    _write(path, left)


def _write(path: Path, tokens: Sequence[Token]) -> None:
    """Replace the file in one step, so that no reader sees half of it."""
    text = _HEADING + "".join(f"{t.name} {t.scope} {t.digest}\n" for t in tokens)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        raise ConfigError(f"tokens file {path} cannot be written: {error}") from error
