import os
from pathlib import Path

import pytest

from index.base.paths import Signature, signature_of
from index.library.settling import RETRY_SECONDS, ready_at, retry_at, sighting_of

SECOND = 1_000_000_000
NOW = 1_700_000_000.0


def changed(mtime: float, ctime: float) -> Signature:
    return Signature(1, int(mtime * SECOND), int(ctime * SECOND), "1")


@pytest.mark.parametrize(
    ("mtime", "ctime", "expected"),
    [
        pytest.param(NOW - 60, NOW - 60, NOW, id="unchanged for long: at once"),
        pytest.param(NOW - 2, NOW - 60, NOW, id="unchanged for just long enough"),
        pytest.param(NOW - 1, NOW - 60, NOW + 2, id="written a moment ago"),
        pytest.param(NOW - 60, NOW - 1, NOW + 2, id="moved or relabelled a moment ago"),
        pytest.param(NOW - 1e9, NOW - 1, NOW + 2, id="copied with its old times kept"),
        pytest.param(NOW + 3600, NOW - 60, NOW + 2, id="written in the future"),
        pytest.param(NOW - 60, NOW + 3600, NOW + 2, id="clock was set back"),
    ],
)
def test_a_file_is_ready_once_it_has_not_changed_for_a_while(
    mtime: float, ctime: float, expected: float
) -> None:
    assert ready_at(changed(mtime, ctime), NOW, 2.0) == expected


def test_with_nothing_to_wait_for_every_file_is_ready() -> None:
    for change in (NOW - 1, NOW, NOW + 3600):
        assert ready_at(changed(change, change), NOW, 0.0) == NOW


def test_a_file_that_looks_cut_off_is_tried_again_ever_later_and_then_never() -> None:
    times = [retry_at(attempt, NOW) for attempt in range(1, 6)]
    assert times == [*(NOW + wait for wait in RETRY_SECONDS), None, None]
    assert list(RETRY_SECONDS) == sorted(RETRY_SECONDS)


def test_a_sighting_says_what_was_seen_and_when_to_read_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"abc")
    os.utime(path, (NOW, NOW))
    found = path.lstat()
    seen = sighting_of(str(path), found, found.st_ctime + 1, 2.0)
    assert (seen.path, seen.signature, seen.refusal) == (str(path), signature_of(found), None)
    assert seen.signature.size == 3
    assert seen.ready_at == found.st_ctime + 3
    assert sighting_of(str(path), found, found.st_ctime + 2.5, 2.0).ready_at == found.st_ctime + 2.5


def test_what_is_never_read_is_sighted_with_the_reason(tmp_path: Path) -> None:
    link, pipe = tmp_path / "link.jpg", tmp_path / "pipe.jpg"
    link.symlink_to(tmp_path)
    os.mkfifo(pipe)
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg")
    Path(odd).touch()
    reasons = {}
    for path in (str(link), str(pipe), odd):
        seen = sighting_of(path, os.lstat(path), NOW, 2.0)
        reasons[os.path.basename(seen.path)] = seen.refusal
    assert reasons == {
        "link.jpg": "it is a symbolic link, and links are not followed",
        "pipe.jpg": "it is not a regular file",
        r"\xff.jpg": "its name is not valid UTF-8; rename it, perhaps to ÿ.jpg",
    }


def test_any_change_that_stat_can_see_changes_the_signature(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"abc")
    signatures = [signature_of(path.lstat())]
    path.write_bytes(b"abcd")
    signatures.append(signature_of(path.lstat()))
    os.utime(path, ns=(1, 1))
    signatures.append(signature_of(path.lstat()))
    other = tmp_path / "b.jpg"
    other.write_bytes(b"abcd")
    os.utime(other, ns=(1, 1))
    other.replace(path)
    signatures.append(signature_of(path.lstat()))
    assert len(set(signatures)) == 4
    assert signature_of(path.lstat()) == signatures[-1]


def test_times_beyond_what_a_database_holds_are_taken_for_the_last_that_it_does() -> None:
    last = 2**63 - 1
    for far in (10**19, -(10**19)):
        found = os.stat_result(range(10), {"st_mtime_ns": far, "st_ctime_ns": far})
        end = last if far > 0 else -last
        assert signature_of(found) == Signature(6, end, end, "1")
        assert ready_at(signature_of(found), NOW, 2.0) == (NOW + 2 if far > 0 else NOW)
