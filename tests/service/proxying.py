"""The real nginx in front of a service, below a path, with the example of docs/operations.md."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.edge.tls import self_signed
from tests.service.running import Service

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
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


@contextmanager
def nginx_before(make: Callable[..., Service], tls: Path, folder: Path) -> Iterator[Proxy]:
    """Start a service, and nginx in front of it.

    Args:
        make: starts the service with the settings given.
        tls: folder of the certificate that callers see.
        folder: for nginx's own files.
    """
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs nginx: apt-get install nginx-light")
        pytest.skip("there is no nginx; apt-get install nginx-light")
    certificate, key = self_signed(tls, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        url = f"https://127.0.0.1:{port}/faces/"
        service = make(tls=False, public_url=url, proxies=("127.0.0.1",))
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
        config = folder / "nginx.conf"
        config.write_text(MAIN.format(folder, example))
        fd = listening.fileno()
        nginx = subprocess.Popen(  # it takes over the socket, so nobody else can take its port
            [program, "-p", str(folder), "-c", str(config)],
            pass_fds=[fd],
            env={"NGINX": f"{fd};"},
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Proxy(service, url, ssl.create_default_context(cafile=str(certificate)))
        finally:
            nginx.terminate()
            nginx.wait(20)
