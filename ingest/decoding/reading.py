"""Reads one whole file, and makes sure that it is the expected one."""

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from index.base.errors import OutOfResourcesError, UnreadableImageError, UnsettledFileError
from index.base.paths import Signature, signature_of

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not block
_FORBIDDEN = {errno.EACCES, errno.EPERM}
_HOPELESS = {errno.ELOOP, errno.ENAMETOOLONG}  # until there is another file
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


def read_settled(path: str, root: str, signature: Signature, max_bytes: int) -> bytes:
    """Read a file that has *signature* both before and after.

    Every folder between *root* and the file is opened in turn without following links, so that
    none can be swapped for a link on the way.

    Raises:
        FileNotFoundError: it is gone, or a link is in the way.
        UnsettledFileError: it has changed.
        UnreadableImageError: it is larger than *max_bytes*, or the system forbids reading it
            (`forbidden`), or reading it fails for a reason that may pass (`may_pass`).
        OutOfResourcesError: memory or file handles ran out.
    """
    try:
        handle = _open_below(root, Path(path).relative_to(root).parts)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(path) from error
    except OSError as error:
        raise _trouble("opened", error) from error
    try:
        return _content(handle, path, signature, max_bytes)
    except OSError as error:
        raise _trouble("read", error) from error
    except MemoryError as error:
        raise OutOfResourcesError("there is no memory to read a file") from error
    finally:
        os.close(handle)


def _trouble(done: str, error: OSError) -> UnreadableImageError | OutOfResourcesError:
    if error.errno in _EXHAUSTED:
        return OutOfResourcesError(f"a file cannot be {done} ({error.strerror})")
    forbidden = error.errno in _FORBIDDEN
    may_pass = not forbidden and error.errno not in _HOPELESS
    reason = f"it cannot be {done} ({error.strerror})"
    return UnreadableImageError(reason, may_pass=may_pass, forbidden=forbidden)


def _content(handle: int, path: str, signature: Signature, max_bytes: int) -> bytes:
    before = os.fstat(handle)
    if not stat.S_ISREG(before.st_mode):
        raise UnreadableImageError("it is not a regular file")
    if signature_of(before) != signature:
        raise UnsettledFileError(path)
    if before.st_size > max_bytes:
        raise UnreadableImageError(
            f"its {before.st_size} bytes are more than the {max_bytes} that max_file_mib allows"
        )
    with os.fdopen(handle, "rb", closefd=False) as stream:
        data = stream.read(max_bytes + 1)
    if signature_of(os.fstat(handle)) != signature or len(data) != before.st_size:
        raise UnsettledFileError(path)
    return data


def _open_below(root: str, parts: Sequence[str]) -> int:
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], _FILE, dir_fd=folder)
    finally:
        os.close(folder)
