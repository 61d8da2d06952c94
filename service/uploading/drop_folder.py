"""Puts uploaded files into the drop folder: complete or not at all, and never over another file."""

import errno
import fcntl
import hashlib
import logging
import os
import secrets
import stat
import threading
import unicodedata
from http import HTTPStatus

from index.base.errors import RequestError, bad_request
from index.base.image_formats import ENDINGS

log = logging.getLogger(__name__)

MAX_NAME_BYTES = 200  # file systems allow 255; " (999)" and the like must still fit
MAX_SAME_NAMES = 999
SPARE_BYTES = 64 << 20  # an upload leaves this much for the database and others
MODE = 0o600
_PARTIAL = (".upload-", ".part")  # the watcher and all questions ignore such names
_PATH_SIGNS = frozenset("/\\")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EOPNOTSUPP)  # until it is allowed
_NO_TEXT = ("Cc", "Cs", "Zl", "Zp")  # control characters, surrogates, line breaks
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)


def check_name(name: str) -> str:
    """The name in composed Unicode (NFC), if a file in the drop folder may be called so.

    Raises:
        RequestError: 400; its text gives the reason.
    """
    name = unicodedata.normalize("NFC", name)
    stem, dot, suffix = name.rpartition(".")
    if _PATH_SIGNS & set(name):
        raise bad_request("the name must not contain / or \\")
    if any(unicodedata.category(char) in _NO_TEXT or char in _DIRECTIONS for char in name):
        raise bad_request("the name contains a control character")
    if name.startswith(".") or name != name.strip():
        raise bad_request("the name must not start with a dot, nor start or end with a space")
    if not stem or (dot + suffix).lower() not in ENDINGS:
        raise bad_request(f"the name must end in one of {', '.join(ENDINGS)}")
    if stem.partition(".")[0].strip().lower() in _DEVICES:
        raise bad_request("the name is reserved by some systems")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise bad_request(f"the name is longer than {MAX_NAME_BYTES} bytes")
    return name


def refusal_of(error: OSError) -> RequestError:
    """The error for a caller when the drop folder cannot take a file."""
    log.warning("inbox.unwritable reason=%s", error.strerror)
    if error.errno in _FULL:
        return _full()
    if error.errno == errno.ENAMETOOLONG:
        return bad_request("the name is longer than the file system of the drop folder allows")
    if error.errno in _FORBIDDEN:
        return RequestError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"the drop folder cannot be written to by the service ({error.strerror})",
        )
    return RequestError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        f"the drop folder takes no files from here ({error.strerror})",
        retry_after_seconds=60,
    )


def _full() -> RequestError:
    return RequestError(HTTPStatus.INSUFFICIENT_STORAGE, "the disk of the drop folder is full")


class Upload:
    """A file being written into a folder, under a name that ingest ignores. Safe in any thread."""

    def __init__(self, folder: str, size: int) -> None:
        """Begin to write *size* bytes.

        Raises:
            RequestError: 507, there is no room for them.
            OSError: the folder cannot be written to.
        """
        self._lock = threading.Lock()
        self._digest = hashlib.sha256()
        self._size = size
        self._name = secrets.token_hex(8).join(_PARTIAL)
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._file: int | None = None
        try:
            # before the free space is checked: a read-only file system may have none, too
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(self._name, flags, MODE, dir_fd=self._folder)
            fcntl.flock(self._file, fcntl.LOCK_EX)  # tells sweep() that it is being written
            room = os.fstatvfs(self._folder)
            if room.f_bavail * room.f_frsize < size + SPARE_BYTES:
                raise _full()
        except BaseException:
            self.abandon()
            raise

    def write(self, data: bytes) -> None:
        """Append *data*; does nothing once the upload has been abandoned."""
        with self._lock:
            if self._file is None:
                return
            self._digest.update(data)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]

    def keep(self, name: str) -> tuple[str, bool]:
        """Give the file its *name*, or one with a number if another file has that.

        Returns: the name, and whether it is new; False if that file has the same content already.

        Raises:
            RequestError: 409, too many files have that name.
            OSError: it cannot be kept.
        """
        with self._lock:
            if self._file is None:
                raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
            os.fsync(self._file)
            for candidate in _numbered(name):
                try:
                    # unlike a rename, this fails if the name is taken
                    os.link(self._name, candidate, src_dir_fd=self._folder, dst_dir_fd=self._folder)
                except FileExistsError:
                    if not self._is_same(candidate):
                        continue
                    is_new = False
                else:
                    is_new = True
                os.unlink(self._name, dir_fd=self._folder)
                os.fsync(self._folder)
                return candidate, is_new
        raise RequestError(HTTPStatus.CONFLICT, f"{MAX_SAME_NAMES} files are called so already")

    def _is_same(self, name: str) -> bool:
        """Whether the file of that *name* holds the bytes that were uploaded."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            handle = os.open(name, flags, dir_fd=self._folder)
        except OSError:
            return False
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size != self._size:
            os.close(handle)
            return False
        with os.fdopen(handle, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest() == self._digest.digest()

    def abandon(self) -> None:
        """Remove the written file, unless it was kept; harmless when called again."""
        with self._lock:
            file, self._file = self._file, None
            folder, self._folder = self._folder, -1
            if folder == -1:
                return
            try:
                if file is not None:
                    os.close(file)
                    os.unlink(self._name, dir_fd=folder)
            except FileNotFoundError:
                pass  # it was kept
            except OSError as error:
                log.warning("inbox.left_behind reason=%s", error.strerror)
            finally:
                os.close(folder)


def _numbered(name: str) -> list[str]:
    stem, dot, suffix = name.rpartition(".")
    return [name, *(f"{stem} ({n}){dot}{suffix}" for n in range(2, MAX_SAME_NAMES + 1))]


def sweep(folder: str) -> int:
    """Remove partial uploads that a killed service has left. Returns how many."""
    removed = 0
    try:
        names = os.listdir(folder)
    except OSError:
        return 0
    for name in names:
        if name.startswith(_PARTIAL[0]) and name.endswith(_PARTIAL[1]):
            removed += _sweep_one(os.path.join(folder, name))
    return removed


def _sweep_one(path: str) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while it is being written
        os.unlink(path)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
