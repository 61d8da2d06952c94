"""A real browser on the real page, over the service's own TLS.

Chromium comes from the system (apt-get install chromium); nothing is downloaded here. Without it
these tests skip, except in CI.
"""

import base64
import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from numpy.typing import NDArray
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

import tests.service.running as services
from ingest.interfaces import STANDARD, Crops
from ingest.networks.models import Models
from service.edge.tls import self_signed
from tests.fakes import DIM, FakeDetector
from tests.service.running import Service, running_service

PATIENCE_MILLISECONDS = 20_000  # on a loaded machine; nothing waits that long unless it hangs
# Reports what the policy forbids, also what the page itself does not notice.
WATCH_POLICY = """
window.forbidden = [];
addEventListener("securitypolicyviolation", (event) =>
  window.forbidden.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


class ArcEncoder:
    """Puts person n at n degrees on a circle, so that there is a distance between any two."""

    model_id = "fake-1"
    dim = DIM
    framing = STANDARD

    def encode(self, crops: Crops) -> NDArray[np.float32]:
        raw = np.zeros((len(crops), DIM), np.float32)
        for row, crop in zip(raw, crops, strict=True):
            angle = math.radians(int(crop[80, 80, 0]) - 40)  # tests.fakes.colour()
            row[:2] = math.cos(angle), math.sin(angle)
        return raw


def arc_models() -> Models:
    return Models(FakeDetector(), ArcEncoder())


@dataclass(frozen=True)
class Certificate:
    """The certificate of all services here, and the fingerprint that the browser trusts."""

    folder: Path
    fingerprint: str


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    path, _ = self_signed(folder, "127.0.0.1")
    key = x509.load_pem_x509_certificate(path.read_bytes()).public_key()
    raw = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Certificate(folder, base64.b64encode(hashlib.sha256(raw).digest()).decode())


@pytest.fixture(scope="module")  # its event loop must not outlive the tests that need it
def browser(certificate: Certificate) -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs chromium: apt-get install chromium")
        pytest.skip("there is no chromium; apt-get install chromium")
    # this one key is trusted, and no other certificate that nobody vouches for
    trust = f"--ignore-certificate-errors-spki-list={certificate.fingerprint}"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=[trust])
        expect.set_options(timeout=PATIENCE_MILLISECONDS)
        yield launched
        launched.close()


@contextmanager
def page_service(folder: Path, certificate: Certificate, **changes: object) -> Iterator[Service]:
    """A service with the shared certificate and people on a circle."""
    shutil.copytree(certificate.folder, folder / "data")
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(services, "fake_models", arc_models)
            service = stack.enter_context(running_service(folder, **changes))
        yield service


@pytest.fixture
def make_page_service(tmp_path: Path, certificate: Certificate) -> Iterator[Callable[..., Service]]:
    """A function that starts services with the given settings; all end with the test."""
    with ExitStack() as stack:
        count = iter(range(100))

        def make(**changes: object) -> Service:
            folder = tmp_path / f"service{next(count)}"
            return stack.enter_context(page_service(folder, certificate, **changes))

        yield make


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory, certificate: Certificate) -> Iterator[Service]:
    """A service that tests share; they only ask.

    a1, a2 and a3 show one person, b1 and b2 another, c.png a third; group.png shows the first two
    and somebody who resembles the third; wall.png shows nobody, broken.jpg is text.
    """
    with page_service(tmp_path_factory.mktemp("album"), certificate) as service:
        for number, person in enumerate((0, 4, 9), start=1):
            service.drop(f"a{number}.png", person)
        service.drop("b1.png", 100)
        service.drop("b2.png", 108)
        service.drop("trips/c.png", 152)
        service.drop("group.png", 2, 103, 190)
        service.drop("wall.png")
        (service.settings.inbox / "broken.jpg").write_text("this is text")
        assert service.ask(*ALBUM).status == 200
        assert service.ask("broken.jpg").status == 422
        yield service


ALBUM = ("a1.png", "a2.png", "a3.png", "b1.png", "b2.png", "trips/c.png", "group.png", "wall.png")


@dataclass
class Visit:
    """A page in a browser of its own, and everything that it did.

    Attributes:
        forgiven: parts of what the console may say; it reports refusals that tests provoke, too.
    """

    page: Page
    base: str
    said: list[str] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)

    def note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.said.append(message.text)

    def open(self, *files: str, **more: str) -> None:
        """Open the page with a question in its address."""
        given = [*more.items(), *(("f", name) for name in files)]
        self.page.goto(f"{self.base}/#{urlencode(given)}")

    def expect_count(self, number: int) -> None:
        expect(self.page.locator("#person-num")).to_have_text(str(number))

    def settle(self) -> None:
        """Wait until the rows belong to what is asked."""
        expect(self.page.locator("#people")).to_have_attribute("aria-busy", "false")

    def bodies(self, path: str) -> list[Any]:
        """What was posted to *path*, in order."""
        return [r.post_data_json for r in self.asked if urlsplit(r.url).path == path]

    def check(self) -> None:
        """No error, nothing that the policy forbids, and nobody else was asked."""
        left = [text for text in self.said if not any(part in text for part in self.forgiven)]
        assert left == []
        assert self.page.evaluate("window.forbidden") == []
        foreign = [r.url for r in self.asked if not r.url.startswith((self.base, "blob:"))]
        assert foreign == []


Begin = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """A function that begins visits to a service; each is checked when the test ends."""
    contexts: list[BrowserContext] = []
    visits: list[Visit] = []

    def begin(service: Service, **options: Any) -> Visit:
        context = browser.new_context(**{"locale": "en-US", **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        context.add_init_script(WATCH_POLICY)
        page = context.new_page()
        made = Visit(page, f"https://127.0.0.1:{service.thread.port}")
        page.on("console", made.note)
        page.on("pageerror", lambda error: made.said.append(str(error)))
        page.on("request", lambda request: made.asked.append(request))  # noqa: PLW0108 - it is marked
        visits.append(made)
        return made

    try:
        yield begin
        for one in visits:
            one.check()
    finally:
        for context in contexts:
            context.unroute_all(behavior="ignoreErrors")
            for page in context.pages:
                page.unroute_all(behavior="ignoreErrors")
            context.close()
