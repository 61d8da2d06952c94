"""Uploads to disks that are full, gone or only read; and what a killed service left."""

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.handlers import uploads
from service.uploading import admission, drop_folder
from service.uploading.drop_folder import Upload, sweep
from tests.service.running import Service
from tests.service.uploading import MIB, everything_in, expect_rest, png, put, refused


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The kernel refuses to write more into a file, as it does when a disk or quota is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [3 * MIB, 4 * MIB - 1])
def test_a_disk_that_fills_up_is_said_and_leaves_nothing(service: Service, size: int) -> None:
    with files_no_larger_than(size):
        answer = put(service, "a.png", bytes(4 * MIB))
    assert (answer.status, answer.json["error"]) == (507, "the disk of the drop folder is full")
    expect_rest(service)
    assert everything_in(service) == {}
    assert put(service, "a.png", png(1)).status == 201


def test_room_is_left_for_others(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drop_folder, "SPARE_BYTES", 1 << 60)
    assert put(service, "a.png", bytes(3 * MIB)).status == 507
    assert everything_in(service) == {}


def test_a_missing_folder_is_said(service: Service) -> None:
    service.settings.inbox.rmdir()
    answer = put(service, "a.png", png(1))
    assert answer.status == 503
    assert "the drop folder takes no files" in answer.json["error"]
    assert not service.settings.inbox.exists()


UNWRITABLE = Path("/sys/kernel")  # nobody may make a file there, not even root


def test_a_folder_that_is_only_read_is_said_and_nobody_is_told_to_try_again(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(inbox=UNWRITABLE)
    answer = put(service, "a.png", png(1))
    assert (answer.status, answer.headers["Retry-After"]) == (503, None)
    assert "the drop folder cannot be written to by the service" in answer.json["error"]
    # for a while the next ones are refused by their heads: not a byte of a body is sent
    head = f"Content-Type: image/png\r\nContent-Length: {5 * MIB}\r\n"
    assert refused(service, head) == 503
    assert put(service, "notes.txt", png(1)).status == 400


def test_a_folder_that_may_be_written_again_is_noticed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(admission, "CLOSED_SECONDS", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(uploads, "Upload", read_only)
        assert put(service, "a.png", png(1)).status == 503
    assert put(service, "a.png", png(1)).status == 201


@pytest.mark.parametrize(
    ("number", "status", "seconds"),
    [
        (errno.EROFS, 503, None),
        (errno.EACCES, 503, None),
        (errno.EPERM, 503, None),
        (errno.EOPNOTSUPP, 503, None),
        (errno.EIO, 503, 60),
        (errno.ESTALE, 503, 60),
        (errno.ENOENT, 503, 60),
        (errno.ENOSPC, 507, None),
        (errno.ENAMETOOLONG, 400, None),
    ],
)
def test_only_what_may_pass_says_when_to_try_again(
    number: int, status: int, seconds: int | None
) -> None:
    refusal = drop_folder.refusal_of(OSError(number, os.strerror(number)))
    assert (refusal.status, refusal.retry_after_seconds) == (status, seconds)


def test_what_a_killed_service_left_is_swept_but_not_what_is_being_written(tmp_path: Path) -> None:
    left = tmp_path / ".upload-0011223344556677.part"
    left.write_bytes(b"half")
    (tmp_path / ".upload-link.part").symlink_to("photo.png")
    for name in ("photo.png", ".uploads", "upload-1.part"):
        (tmp_path / name).write_bytes(b"somebody's")
    upload = Upload(str(tmp_path), 4)
    assert sweep(str(tmp_path)) == 1
    assert not left.exists()
    upload.write(b"kept")
    assert upload.keep("new.png") == ("new.png", True)
    upload.abandon()
    upload.abandon()
    assert (tmp_path / "new.png").read_bytes() == b"kept"
    assert sweep(str(tmp_path / "nowhere")) == 0
