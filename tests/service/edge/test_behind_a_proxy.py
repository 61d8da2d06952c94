"""The service behind the real nginx, below a path, with the example of docs/operations.md."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from service.guards.limits import ConnectionLimit, Proxies
from tests.fakes import save_picture
from tests.service.proxying import Proxy, nginx_before
from tests.service.running import NOT_THERE, Service, refusal


@pytest.fixture
def proxy(make_service: Callable[..., Service], tmp_path: Path) -> Iterator[Proxy]:
    with nginx_before(make_service, tmp_path / "tls", tmp_path) as found:
        yield found


def test_the_api_is_the_same_to_the_letter_below_a_path(proxy: Proxy) -> None:
    proxy.service.drop("a.png", 1)
    proxy.service.drop("张三/合影 一.png", 2)
    query = urlencode([("filepath", "a.png"), ("filepath", "张三/合影 一.png")])
    direct = proxy.service.send("GET", f"/person_count?{query}")
    assert proxy.send("GET", f"person_count?{query}") == (200, direct.body)
    assert json.loads(direct.body)["person_num"] == 2
    assert proxy.send("GET", "person_count?filepath=none.png") == (404, NOT_THERE)
    _, body = proxy.send("GET", "openapi.json")
    assert [one["url"] for one in json.loads(body)["servers"]] == [
        proxy.url.removesuffix("/"),
        f"{proxy.url}person_count",
    ]


def test_the_page_of_the_public_address_uploads_and_no_other(proxy: Proxy, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    save_picture(photo, 3)
    own, name = proxy.url.removesuffix("/faces/"), "张三 1+1%.png"
    target = f"files/{quote(name)}"
    assert proxy.send("PUT", target, photo.read_bytes(), Origin="https://evil.example")[0] == 403
    sent = proxy.send("PUT", target, photo.read_bytes(), Origin=own, Sec_Fetch_Site="same-origin")
    assert (sent[0], json.loads(sent[1])) == (201, {"filepath": name})


def test_another_host_is_refused_with_and_without_a_public_address(
    proxy: Proxy, make_service: Callable[..., Service]
) -> None:
    status, body = proxy.send("GET", "healthz", Host="evil.example")
    assert (status, b"public_url" in body) == (400, True)
    told = make_service().send("GET", "/healthz", headers={"Host": "nas"})
    assert "public_url" in refusal(told, 400)
    named = make_service(public_url="https://nas/faces/")
    assert named.send("GET", "/healthz", headers={"Host": "nas"}).status == 200


def test_a_proxys_connections_are_not_limited_by_address() -> None:
    class One:
        network = None

        def speaks(self) -> None:
            """Nothing to do."""

        def hang_up(self) -> None:
            """Nothing to do."""

    limit = ConnectionLimit()
    assert all(limit.admit(One()) for _ in range(100))
    proxies = Proxies(["10.0.0.0/24", "::1"])
    said = [proxies.has(one) for one in ("10.0.0.7", "::ffff:10.0.0.7", "::1", "10.0.1.7", "")]
    assert said == [True, True, True, False, False]
