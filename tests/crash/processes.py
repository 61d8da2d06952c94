"""What Linux says of running processes."""

from contextlib import suppress
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that a process has started, in any of its threads, and that have not ended."""
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended
            found += map(int, tasks.read_text().split())
    return [child for child in found if not has_ended(child)]


def has_ended(pid: int) -> bool:
    """Whether a process has ended; its parent may not have noticed yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def figures(pid: int) -> tuple[float, int]:
    """MiB of memory and open descriptors of a process."""
    place = Path("/proc") / str(pid)
    status = (place / "status").read_text()
    [kib] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
    return round(int(kib) / 1024, 1), len(list((place / "fd").iterdir()))
