"""Finds file systems that other machines may change: inotify sees only this machine's changes."""

from pathlib import Path

from index.base.paths import is_in

_REMOTE_FILE_SYSTEMS = ("nfs", "cifs", "smb", "9p", "fuse", "vboxsf", "prl_fs", "afs", "ceph")


def is_remote(folder: str, mounts: Path = Path("/proc/self/mountinfo")) -> bool:
    """Whether *folder* lies on a file system that other machines may change."""
    best, kind = "", ""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return True  # no Linux, no inotify
    for line in lines:
        left, _, right = line.partition(" - ")
        point = left.split()[4].replace("\\040", " ")
        if is_in(folder, point) and len(point) >= len(best):
            best, kind = point, right.split()[0]
    return kind.startswith(_REMOTE_FILE_SYSTEMS)
