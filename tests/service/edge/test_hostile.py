"""Callers who want what is not theirs: every way out of the folders."""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.service.running import NOT_THERE, Service

NAMES = [
    "../secret.png",
    "./../secret.png",
    "folder/../../secret.png",
    "folder/./.././../secret.png",
    "//../secret.png",
    "../" * 60 + "etc/passwd",
    "../../../../../../../../proc/self/environ",
    "..\\secret.png",
    "..\\..\\etc\\passwd",
    "....//....//etc/passwd",
    "..;/secret.png",
    "%2e%2e/secret.png",  # as a name, that is, encoded twice in the query
    "%2e%2e%2fsecret.png",
    "..%2fsecret.png",
    "..%c0%afsecret.png",
    "%252e%252e%252fsecret.png",
    "\uff0e\uff0e/secret.png",  # full-width dots, which some normalisations fold
    "\u2024\u2024/secret.png",
    "..\u2215secret.png",
    "/etc/passwd",
    "//etc/passwd",
    "///etc//passwd",
    "/etc/shadow",
    "/./etc/passwd",
    "/nowhere/at/all",
    "/proc/self/environ",
    "/proc/self/root/etc/passwd",
    "/proc/self/cwd/secret.png",
    "/proc/self/fd/0",
    "/dev/zero",
    "/dev/null",
    "/dev/stdin",
    "/dev/fd/3",
    "/sys/kernel",
    "file:///etc/passwd",
    "https://127.0.0.1/a.png",
    "~/secret.png",
    "~root/.profile",
    "$HOME/secret.png",
    "{inbox}/../secret.png",
    "{inbox}/../outside/secret.png",
    "{inbox}2/secret.png",
    "{other}/.secret.png",
    "{other}/.hidden/secret.png",
    "{other}/../secret.png",
    "{data}/person_count.db",
    "{data}/tls.key",
    "way out/secret.png",
    "way out/none.png",
    "way out/../secret.png",
    "way in/b.png",
    "devices/zero",
    "devices/none",
    "processes/self/environ",
    "processes/1",
    "loop/a.png",
    ".hidden/secret.png",
    ".hidden/none.png",
    "a.png/",
    "a.png/.",
    "a.png/b.png",
    "..",
    "/",
    "x" * 256,
    "x" * 4096,
    "x/" * 2048,
    "none.png",
]


def spell(service: Service, name: str) -> str:
    settings = service.settings
    return (
        name.replace("{inbox}", str(settings.inbox))
        .replace("{other}", str(settings.roots[0]))
        .replace("{data}", str(settings.data))
    )


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:32])
def test_no_spelling_of_a_path_tells_anything(house: Service, name: str) -> None:
    if name in {"a.png/", "a.png/."}:  # the file itself, spelt oddly
        assert house.ask(name).status == 200
        return
    plain = spell(house, name)
    everything = "".join(f"%{byte:02x}" for byte in plain[:600].encode())
    answers = [house.ask(plain), house.post({"filepaths": ["a.png", plain]})]
    if len(plain) <= 600:
        answers.append(house.send("GET", f"/person_count?filepath={everything}"))
    for answer in answers:
        assert (answer.status, answer.body) == (404, NOT_THERE)
        assert set(answer.headers) == set(house.ask("none.png").headers)
    explained = house.ask(plain, path="/persons").json
    assert explained["files"] == [{"filepath": plain, "status": "unknown"}]


@pytest.mark.parametrize(
    "encoded",
    [
        "a.png%00",
        "%00",
        "..%00/secret.png",
        "a.png%00.jpg",
        "%2fetc%2fpasswd%00.png",
        "a%0d%0aSet-Cookie:x.png",
        "%c0%ae%c0%ae/secret.png",
        "%e0%80%ae./secret.png",
        "%ff",
        "%ed%a0%80",
        "x" * 4097,
    ],
    ids=lambda text: text[:24],
)
def test_what_can_be_no_path_is_refused_alike_wherever_it_points(
    house: Service, encoded: str
) -> None:
    here = house.send("GET", f"/person_count?filepath={encoded}")
    outside = house.send("GET", f"/person_count?filepath=%2Fetc%2F{encoded}")
    assert (here.status, here.json["cord"]) == (400, 400)
    assert here.body == outside.body
    assert b"Set-Cookie" not in here.body


def test_the_address_itself_is_no_way_to_files(house: Service) -> None:
    for target in (
        "/../../etc/passwd",
        "/person_count/../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2fetc/passwd",
        f"{quote(str(house.settings.inbox))}/a.png",
        "//evil.example/person_count?filepath=a.png",
    ):
        answer = house.send("GET", target)
        assert (answer.status, answer.json["cord"]) == (404, 404)
    proxied = b"GET https://evil.example/person_count?filepath=a.png HTTP/1.1\r\n"
    for host in (b"x", b"evil.example"):  # the address counts; see test_targets.py
        lines = b"Host: %s\r\nConnection: close\r\n\r\n" % host
        assert house.exchange(proxied + lines).startswith(b"HTTP/1.1 400")


def test_missing_and_forbidden_take_the_same_time(house: Service) -> None:
    """The same class of time: none is opened, read or waited for."""
    names = ["none.png", "/etc/passwd", "/nowhere", "way out/secret.png", ".hidden/secret.png"]
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(15):
        for name in names:
            started = time.perf_counter()
            house.ask(name)
            times[name].append(time.perf_counter() - started)
    typical = [statistics.median(found) for found in times.values()]
    assert max(typical) < 5 * min(typical)


def test_nothing_outside_was_opened_or_queued(house: Service) -> None:
    house.ask(*[spell(house, name) for name in NAMES], path="/persons")
    with house.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT path FROM files").scalars().all()
    inside = tuple(os.path.join(root, "") for root in house.settings.all_roots)
    assert rows
    assert all(row.startswith(inside) and "/." not in row for row in rows)


# --- requests that lie about where they end ------------------------------------------------------


def test_a_key_file_below_a_root_is_still_no_answer(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    """Even an operator who puts the data folder into the drop folder gives no key away."""
    service = make_service(inbox=tmp_path, data=tmp_path / "data")
    answer = service.ask("data/tls.key")
    assert answer.status == 422
    assert b"PRIVATE" not in answer.body
