"""The page below a path, behind the real nginx: it asks, shows faces and uploads."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Begin, Certificate
from tests.fakes import save_picture
from tests.service.proxying import Proxy, nginx_before
from tests.service.running import Service

pytestmark = pytest.mark.browser


@pytest.fixture
def proxy(
    make_page_service: Callable[..., Service], certificate: Certificate, tmp_path: Path
) -> Iterator[Proxy]:
    with nginx_before(make_page_service, certificate.folder, tmp_path) as found:
        yield found


def test_everything_that_the_page_does_stays_below_the_path(
    proxy: Proxy, visit: Begin, tmp_path: Path
) -> None:
    proxy.service.drop("a1.png", 0)
    proxy.service.drop("b1.png", 100)
    photo = tmp_path / "张三 1+1%.png"
    save_picture(photo, 4, seed=1)
    found = visit(proxy.service)
    found.base = proxy.url.removesuffix(
        "/"
    )  # what is asked elsewhere fails when the visit is checked
    page = found.page
    found.open("a1.png", "b1.png")
    found.expect_count(2)
    face = page.locator("#people .crop img").first
    expect(face).to_have_attribute("src", re.compile("^blob:"))
    page.locator("#drop-input").set_input_files(photo)
    found.expect_count(2)
    expect(page.locator("#chosen")).to_contain_text(photo.name)
    found.settle()
    page.get_by_role("link", name="API description").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("The API")
    expect(page.locator(".facts")).to_contain_text(found.base)
    page.get_by_role("link", name="中文").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("接口文档")
    page.locator(".brand a").click()
    expect(page).to_have_url(proxy.url)
