"""The service behind the real nginx, below a path, with the example of docs/operations.md."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from service.guards import limits
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


def test_nginx_itself_refuses_in_the_contracts_shape_while_the_service_is_down(
    proxy: Proxy,
) -> None:
    proxy.service.thread.close()
    status, body = proxy.send("GET", "person_count?filepath=a.png")
    assert status == 503
    assert list(json.loads(body)) == ["cord", "error"]


def test_the_path_without_its_slash_leads_to_the_page(proxy: Proxy) -> None:
    status, body = proxy.send("GET", "../faces")
    assert (status, b"<title>" in body) == (200, True)


def test_a_proxy_may_hold_more_connections_than_a_caller(
    make_service: Callable[..., Service],
) -> None:
    for proxies, expected in ((("127.0.0.0/8",), 68), ((), limits.MAX_CONNECTIONS_OF_ONE)):
        service = make_service(tls=False, proxies=proxies)
        answered = 0
        with ExitStack() as stack:
            for _ in range(68):
                one = stack.enter_context(service.open_socket())
                with suppress(ConnectionError):
                    one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                    answered += b" 200 " in one.recv(1 << 16)
        assert answered == expected


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
