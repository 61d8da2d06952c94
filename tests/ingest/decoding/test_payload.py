"""Code that a file smuggles into a decoder: what it tries is refused, by more than one thing."""

import os
from pathlib import Path

import pytest

from index.base import kernel
from tests.ingest.payload import DEEDS, NOBODY, Landlock, table, tried

OFFER = kernel.offer()
USERS = sorted({os.geteuid(), os.geteuid() or NOBODY})
SECURITY = Path(__file__).parents[3] / "docs" / "security.md"

needs_both = pytest.mark.skipif(not OFFER.is_full, reason=f"no {OFFER.lacking}")


@pytest.fixture(scope="module", params=USERS)
def user(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def proven(user: int) -> set[str]:
    """What works where nothing confines it: only of that a refusal says something."""
    found = tried("nothing", user)
    assert set(found) <= {"w", "r"}, found
    works = {deed.what for deed, said in zip(DEEDS, found, strict=True) if said == "w"}
    assert len(works) > 0.7 * len(DEEDS)  # containers and old kernels refuse some to everybody
    return works


def refused(way: str, user: int) -> dict[str, bool]:
    found = tried(way, user)
    assert set(found) <= {"w", "r"}, found
    return {deed.what: said == "r" for deed, said in zip(DEEDS, found, strict=True)}


@needs_both
@pytest.mark.parametrize("way", ["both", "seccomp"])
def test_with_seccomp_everything_is_refused(way: str, user: int, proven: set[str]) -> None:
    assert proven
    assert refused(way, user) == {deed.what: True for deed in DEEDS}


@needs_both
def test_landlock_alone_refuses_what_the_table_says(user: int, proven: set[str]) -> None:
    found = refused("landlock", user)
    for deed in DEEDS:
        if deed.what not in proven or deed.since > OFFER.landlock:
            continue
        if deed.alone is Landlock.LIMITS and user == 0:
            continue
        assert found[deed.what] is (deed.alone is not Landlock.LETS), deed.what


def test_the_table_is_in_the_documentation() -> None:
    assert "\n".join(table()) in SECURITY.read_text(encoding="utf-8")
