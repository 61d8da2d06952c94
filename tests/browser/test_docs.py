"""/docs in a real browser: in every light and width, by keyboard, without a stranger's help."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Begin
from tests.service.running import Service

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"locale": "zh-CN"}, id="Chinese"),
        pytest.param({"color_scheme": "dark"}, id="dark"),
        pytest.param({"locale": "zh-CN", "viewport": PHONE}, id="phone"),
        pytest.param({"java_script_enabled": False}, id="without scripts"),
    ],
)
def test_it_is_readable_for_everybody(
    album: Service, visit: Begin, options: dict[str, Any]
) -> None:
    found = visit(album, **options)
    found.page.goto(f"{found.base}/docs")
    heading = "接口文档" if options.get("locale") == "zh-CN" else "The API"
    expect(found.page.get_by_role("heading", level=1)).to_contain_text(heading)
    wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert found.page.evaluate(wide)
    if options.get("java_script_enabled", True):
        results = Axe().run(found.page)
        assert results.violations_count == 0, results.generate_report()


def test_an_example_is_copied_as_it_stands(album: Service, visit: Begin) -> None:
    found = visit(album, permissions=["clipboard-read", "clipboard-write"])
    found.page.goto(f"{found.base}/docs#get-person_count")
    shown = found.page.locator(".code code").first.text_content()
    button = found.page.get_by_role("button", name="Copy").first
    button.click()
    expect(found.page.get_by_role("button", name="Copied")).to_be_visible()
    assert found.page.evaluate("navigator.clipboard.readText()") == shown


def test_the_keyboard_reaches_the_content_and_the_other_language(
    album: Service, visit: Begin
) -> None:
    found = visit(album)
    page = found.page
    page.goto(f"{found.base}/docs")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    for _ in range(2):
        page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="中文")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("接口文档")


def test_the_page_leads_to_it(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open()
    found.page.get_by_role("link", name="API description").click()
    expect(found.page.get_by_role("heading", level=1)).to_contain_text("The API")
