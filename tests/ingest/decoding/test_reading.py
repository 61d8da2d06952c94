"""Reading a file: the one that was meant, whole, or not at all."""

import errno
import os
from pathlib import Path

import pytest

from index.base.errors import OutOfResourcesError, UnreadableImageError, UnsettledFileError
from index.base.paths import Signature, signature_of
from ingest.decoding import reading
from ingest.decoding.reading import read_settled
from tests.ingest.builders import failing

CONTENT = b"some bytes of a photo"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    made.mkdir()
    return made


@pytest.fixture(autouse=True)
def no_handle_leaks() -> object:
    """Every file and folder that was opened is closed again."""
    before = sorted(os.listdir("/proc/self/fd"))
    yield
    assert sorted(os.listdir("/proc/self/fd")) == before


def signature(path: Path) -> Signature:
    return signature_of(path.lstat())


def write(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def read(path: Path, root: Path, expected: Signature | None = None, most: int = 1000) -> bytes:
    return read_settled(str(path), str(root), expected or signature(path), most)


@pytest.mark.parametrize("name", ["a.jpg", "deep/er/a.jpg", "张三/合影 一.jpg", "x" * 255])
def test_a_file_is_read_whole(root: Path, name: str) -> None:
    assert read(write(root / name), root) == CONTENT


def test_a_file_of_the_greatest_size_is_read(root: Path) -> None:
    assert read(write(root / "a.jpg"), root, most=len(CONTENT)) == CONTENT


def test_a_larger_file_is_refused(root: Path) -> None:
    with pytest.raises(UnreadableImageError, match=f"{len(CONTENT)} bytes are more than the 20"):
        read(write(root / "a.jpg"), root, most=20)


def test_an_empty_file_is_read(root: Path) -> None:
    assert read(write(root / "a.jpg", b""), root) == b""


def test_a_file_that_is_gone_is_missing(root: Path) -> None:
    path = write(root / "folder/a.jpg")
    known = signature(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read(path, root, known)
    path.parent.rmdir()
    with pytest.raises(FileNotFoundError):
        read(path, root, known)
    root.rmdir()
    with pytest.raises(FileNotFoundError):
        read(path, root, known)


def test_a_file_whose_folder_is_now_a_file_is_missing(root: Path) -> None:
    path = write(root / "folder/a.jpg")
    known = signature(path)
    path.unlink()
    path.parent.rmdir()
    write(root / "folder")
    with pytest.raises(FileNotFoundError):
        read(path, root, known)


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_linked_folder_in_the_way_hides_the_file(root: Path, depth: int) -> None:
    """Even when it leads to the very file that was meant."""
    path = write(root / "one/two/three/a.jpg")
    known = signature(path)
    folder = [root / "one", root / "one/two", root / "one/two/three"][depth]
    outside = root.parent / "outside"
    folder.rename(outside)
    folder.symlink_to(outside)
    assert signature(path) == known
    with pytest.raises(FileNotFoundError):
        read(path, root, known)


def test_a_root_that_is_a_link_is_followed(root: Path) -> None:
    """The operator chose it."""
    write(root / "a.jpg")
    link = root.parent / "link"
    link.symlink_to(root)
    assert read(link / "a.jpg", link) == CONTENT


def test_a_file_replaced_by_a_link_is_refused(root: Path) -> None:
    path = write(root / "a.jpg")
    known = signature(path)
    path.rename(root.parent / "outside.jpg")
    path.symlink_to(root.parent / "outside.jpg")
    with pytest.raises(UnreadableImageError, match="cannot be opened"):
        read(path, root, known)


def test_a_file_swapped_for_another_is_unsettled(root: Path) -> None:
    path = write(root / "a.jpg")
    known = signature(path)
    write(root / "b.jpg").rename(path)  # the same size and content, but another file
    with pytest.raises(UnsettledFileError):
        read(path, root, known)


@pytest.mark.parametrize("change", ["append", "shrink", "rewrite", "touch", "chmod"])
def test_a_file_that_has_changed_is_unsettled(root: Path, change: str) -> None:
    path = write(root / "a.jpg")
    known = signature(path)
    if change == "append":
        write(path, CONTENT + b"!")
    elif change == "shrink":
        os.truncate(path, 3)
    elif change == "rewrite":
        write(path, CONTENT[::-1])
        os.utime(path, ns=(1, known.mtime_ns + 1))
    elif change == "touch":
        os.utime(path, (1, 1))
    else:
        path.chmod(0o400)
        os.utime(path, ns=(1, 2))
    with pytest.raises(UnsettledFileError):
        read(path, root, known)


@pytest.mark.parametrize("change", ["append", "shrink", "touch"])
def test_a_file_that_changes_while_it_is_read_is_unsettled(
    root: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(root / "a.jpg")
    known = signature(path)

    def look_then_change(found: os.stat_result) -> Signature:
        seen = signature_of(found)
        if change == "append":
            with path.open("ab") as stream:
                stream.write(b"!")
        elif change == "shrink":
            os.truncate(path, 3)
        else:
            os.utime(path, (1, 1))
        return seen

    monkeypatch.setattr(reading, "signature_of", look_then_change)
    with pytest.raises(UnsettledFileError):
        read(path, root, known)


def test_a_file_that_grows_beyond_the_limit_while_it_is_read_is_not_read_to_its_end(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(root / "a.jpg")
    known = signature(path)

    def look_then_grow(found: os.stat_result) -> Signature:
        seen = signature_of(found)
        os.truncate(path, 1 << 40)  # a terabyte; reading it would not end
        return seen

    monkeypatch.setattr(reading, "signature_of", look_then_grow)
    with pytest.raises(UnsettledFileError):
        read(path, root, known)


def test_a_pipe_does_not_block(root: Path) -> None:
    path = root / "a.jpg"
    os.mkfifo(path)
    with pytest.raises(UnreadableImageError, match="not a regular file"):
        read(path, root)


def test_a_folder_is_refused_or_missing(root: Path) -> None:
    (root / "a.jpg").mkdir()
    with pytest.raises((UnreadableImageError, FileNotFoundError)):
        read(root / "a.jpg", root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_refused(root: Path) -> None:
    path = write(root / "a.jpg")
    path.chmod(0)
    with pytest.raises(UnreadableImageError, match="Permission denied"):
        read(path, root)


# --- a system that fails -------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["open", "fstat", "fdopen"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT])
def test_trouble_of_the_system_may_pass(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    path = write(root / "a.jpg")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(number))
        with pytest.raises(UnreadableImageError, match=os.strerror(number)) as caught:
            read(path, root)
    assert caught.value.may_pass
    assert read(path, root) == CONTENT


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG])
def test_a_refusal_does_not_pass(root: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    path = write(root / "a.jpg")
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing(number))
        with pytest.raises(UnreadableImageError) as caught:
            read(path, root)
    assert not caught.value.may_pass
    assert caught.value.forbidden == (number in {errno.EACCES, errno.EPERM})
    assert caught.value.bare().forbidden == caught.value.forbidden


@pytest.mark.parametrize("call", ["open", "fdopen"])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_want_of_handles_or_memory_is_no_files_fault(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    path = write(root / "a.jpg")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(number))
        with pytest.raises(OutOfResourcesError):
            read(path, root)


def test_want_of_memory_in_the_middle_of_a_file_is_not_its_fault(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise MemoryError

    path = write(root / "a.jpg")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", fail)
        with pytest.raises(OutOfResourcesError):
            read(path, root)
