"""The service behind the real nginx, below a path, with the example of docs/operations.md."""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from service.edge.tls import self_signed
from service.guards.limits import ConnectionLimit, Proxies
from tests.fakes import save_picture
from tests.service.running import NOT_THERE, Service, refusal

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operations.md"
MAIN = """daemon off; pid {0}/pid; error_log {0}/error.log; worker_processes 1;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy;
fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
{1} }}
"""


@dataclass(frozen=True)
class Proxy:
    """An nginx in front of a service."""

    service: Service
    url: str
    trust: ssl.SSLContext

    def send(
        self, method: str, target: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + target, body, given, method=method)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.trust)
        )
        try:
            with opener.open(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


@pytest.fixture
def proxy(make_service: Callable[..., Service], tmp_path: Path) -> Iterator[Proxy]:
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs nginx: apt-get install nginx-light")
        pytest.skip("there is no nginx; apt-get install nginx-light")
    certificate, key = self_signed(tmp_path / "tls", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        url = f"https://127.0.0.1:{port}/faces/"
        service = make_service(tls=False, public_url=url, proxies=("127.0.0.1",))
        found = re.search(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
        assert found is not None
        example = found[1]
        for written, here in {
            "listen 443": f"listen 127.0.0.1:{port}",
            "/etc/nginx/nas.crt": str(certificate),
            "/etc/nginx/nas.key": str(key),
            "127.0.0.1:8022": f"127.0.0.1:{service.thread.port}",
        }.items():
            assert written in example
            example = example.replace(written, here)
        config = tmp_path / "nginx.conf"
        config.write_text(MAIN.format(tmp_path, example))
        fd = listening.fileno()
        nginx = subprocess.Popen(  # it takes over the socket, so nobody else can take its port
            [program, "-p", str(tmp_path), "-c", str(config)],
            pass_fds=[fd],
            env={"NGINX": f"{fd};"},
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Proxy(service, url, ssl.create_default_context(cafile=str(certificate)))
        finally:
            nginx.terminate()
            nginx.wait(20)


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
