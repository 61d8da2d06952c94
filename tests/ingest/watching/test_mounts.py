"""Which file systems inotify cannot see."""

from pathlib import Path

import pytest

from ingest.watching.mounts import is_remote

MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw - proc proc rw
40 22 0:40 / /srv/nfs rw,relatime shared:2 master:1 - nfs4 nas:/photos rw,vers=4.2
41 40 8:2 / /srv/nfs/local rw,relatime - xfs /dev/sdb1 rw
42 22 0:41 / /mnt/with\040space rw,relatime - cifs //nas/photos rw
43 22 0:42 / /mnt/fuse rw,relatime - fuse.sshfs host:/ rw
44 22 0:43 / /mnt/c rw,relatime - 9p drvfs rw
45 22 0:44 / /mnt/tmp rw,relatime - tmpfs tmpfs rw
46 22 0:45 / /mnt/over rw,relatime - ext4 /dev/sdc1 rw
47 46 0:46 / /mnt/over rw,relatime - nfs nas:/over rw
""".lstrip()


@pytest.mark.parametrize(
    ("folder", "remote"),
    [
        ("/", False),
        ("/home/photos", False),
        ("/srv/nfs", True),
        ("/srv/nfs/inbox", True),
        ("/srv/nfs-backup", False),
        ("/srv/nfs/local", False),
        ("/srv/nfs/local/inbox", False),
        ("/srv/nfs/locals", True),
        ("/mnt/with space/inbox", True),
        ("/mnt/with", False),
        ("/mnt/fuse/inbox", True),
        ("/mnt/c/inbox", True),
        ("/mnt/tmp/inbox", False),
        ("/mnt/over/inbox", True),
    ],
)
def test_the_mount_that_holds_a_folder_decides(tmp_path: Path, folder: str, remote: bool) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert is_remote(folder, mounts) is remote


def test_without_a_list_of_mounts_nothing_is_trusted(tmp_path: Path) -> None:
    assert is_remote("/home", tmp_path / "none")


def test_this_machines_own_list_is_understood(tmp_path: Path) -> None:
    assert is_remote(str(tmp_path)) in {True, False}
