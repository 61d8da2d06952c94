"""Two lists side by side on the page."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Begin
from tests.service.running import Service

pytestmark = pytest.mark.browser


def test_a_kept_list_is_compared_with_the_chosen_photos(album: Service, visit: Begin) -> None:
    found = visit(album)
    page = found.page
    found.open("a1.png", "b1.png")
    found.expect_count(2)
    page.get_by_role("button", name="Keep these as the first list").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#search")).to_be_focused()
    expect(page.locator("#compared")).to_contain_text("Now choose the photos of the second list.")
    page.get_by_role("checkbox", name="group.png").check()
    said = "2 in both lists, 0 only in the first, 1 only in the second"
    expect(page.locator("#compared")).to_contain_text(said)
    expect(page.locator("#compared [role=status]")).to_have_text(said)
    rows = page.locator(".compared-table tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.first.locator("td").first.locator(".face")).to_have_attribute("title", "a1.png")
    expect(rows.first.locator("td").last.locator(".face")).to_have_attribute("title", "group.png")
    expect(rows.last).to_contain_text("only in the second")
    found.settle()
    page.wait_for_function("location.hash.includes('a=a1.png')")
    axe = Axe().run(page)
    assert axe.response["violations"] == [], axe.generate_report()
    rows.first.locator("td").last.locator(".face").click()
    expect(page.get_by_role("dialog", name="group.png").locator(".box")).to_have_count(3)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Swap the lists").click()
    expect(page.locator("#compared")).to_contain_text("1 only in the first, 0 only in the second")
    page.get_by_role("button", name="End the comparison").click()
    expect(page.locator("#compared")).to_be_hidden()
    found.expect_count(2)


def test_a_link_shows_the_same_comparison_and_refusals_are_shown(
    album: Service, visit: Begin
) -> None:
    found = visit(album, locale="zh-CN", viewport={"width": 360, "height": 740})
    found.page.goto(f"{found.base}/#a=a1.png&a=trips&f=a2.png")
    expect(found.page.locator("#compared")).to_contain_text("两组都有 1 人")
    assert found.page.evaluate("document.documentElement.scrollWidth") <= 360
    found.forgiven.append("404")
    found.page.goto(f"{found.base}/#a=none.png&f=a2.png")
    expect(found.page.locator("#compared")).to_contain_text("File does not exist")
