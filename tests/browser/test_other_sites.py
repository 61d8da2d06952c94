"""What a page of another site finds out in a real browser: not even which files there are."""

from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page

from index.base.tokens import Scope, add_token
from tests.browser.conftest import PATIENCE_MILLISECONDS
from tests.service.running import Service

pytestmark = pytest.mark.browser

WAYS = ("img", "script", "object", "embed", "iframe", "video")
TRY = """([kind, url]) => new Promise((resolve) => {
  const node = document.createElement(kind);
  node.onload = () => resolve("loaded");
  node.onerror = () => resolve("failed");
  node[kind === "object" ? "data" : "src"] = url;
  document.body.append(node);
})"""


class Blank(BaseHTTPRequestHandler):
    """A site with an empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title><body></body>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere(browser: Browser) -> Iterator[Page]:
    """A page of another site on the same machine, which for a browser is the same site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Blank) as site:
        thread = Thread(target=site.serve_forever)
        thread.start()
        try:
            with closing(browser.new_context()) as context:
                context.set_default_timeout(PATIENCE_MILLISECONDS)
                page = context.new_page()
                page.goto(f"http://127.0.0.1:{site.server_port}/")
                yield page
        finally:
            site.shutdown()
            thread.join()


FETCH = """async ([url, options]) => {
  try {
    const response = await fetch(url, options);
    return [response.status, await response.text()];
  } catch (error) {
    return [0, error.name];
  }
}"""


def test_a_page_of_a_named_origin_asks_and_uploads_and_others_do_not(
    make_page_service: Callable[..., Service], elsewhere: Page, tmp_path: Path
) -> None:
    origin = elsewhere.evaluate("location.origin")
    tokens = tmp_path / "tokens"
    bearer = {"Authorization": f"Bearer {add_token(tokens, 'app', Scope.ADMIN)}"}
    for named, expected in ((origin, [200, 201, 401]), ("https://app.example", [0, 0, 0])):
        service = make_page_service(cors_origins=(named,), tokens=tokens)
        service.drop("a.png", 1)
        base = f"https://127.0.0.1:{service.thread.port}"
        kind = {"Content-Type": "application/octet-stream"}
        put = {"method": "PUT", "body": "x", "headers": bearer | kind}
        said = [
            elsewhere.evaluate(FETCH, [f"{base}{target}", options])
            for target, options in (
                ("/person_count?filepath=a.png", {"headers": bearer}),
                ("/files/b.png", put),
                ("/person_count?filepath=a.png", {"headers": {"Authorization": "Bearer x"}}),
            )
        ]
        assert [status for status, _ in said] == expected


def test_another_sites_page_cannot_tell_a_file_from_none(album: Service, elsewhere: Page) -> None:
    base = f"https://127.0.0.1:{album.thread.port}/person_count?filepath="
    for way in WAYS:
        told = {
            elsewhere.evaluate(TRY, [way, base + name])
            for name in ("a1.png", "none.png", "broken.jpg")
        }
        assert len(told) == 1, (way, told)
