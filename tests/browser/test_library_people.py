"""The people of the library, while photos arrive."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from service.answering import people_keeper
from tests.browser.conftest import Begin
from tests.service.running import Service

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_keeper, "STEP_SECONDS", 0.05)


def test_the_library_s_people_are_shown_and_follow_its_photos(
    make_page_service: Callable[..., Service], visit: Begin
) -> None:
    service = make_page_service()
    names = [service.drop("a1.png", 0), service.drop("a2.png", 4), service.drop("b.png", 100)]
    assert service.ask(*names).json["person_num"] == 2
    found = visit(service)
    page = found.page
    found.open()
    page.get_by_role("button", name="Who is in the library?").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#everybody-title")).to_be_focused()
    rows = page.locator("#everybody .person")
    expect(rows).to_have_count(2)
    expect(page.locator("#everybody [role=status]")).to_contain_text(
        "2 different people in 3 photos"
    )
    expect(rows.first).to_contain_text("2 photos, 2 faces")
    axe = Axe().run(page)
    assert axe.response["violations"] == [], axe.generate_report()
    rows.first.locator(".face").first.click()
    expect(page.locator("#photo .box")).to_have_count(1)
    page.keyboard.press("Escape")
    service.drop("c.png", 170)
    assert service.ask("c.png").status == 200
    expect(rows).to_have_count(3)
    page.wait_for_function("location.hash.includes('people=1')")
    page.get_by_role("button", name="Hide").click()
    expect(page.locator("#everybody")).to_be_hidden()
    expect(page.locator("#everybody-open")).to_be_focused()


def test_a_library_that_is_not_counted_says_so(
    make_page_service: Callable[..., Service], visit: Begin
) -> None:
    service = make_page_service(library_people=False)
    found = visit(service, locale="zh-CN")
    found.page.goto(f"{found.base}/#people=1")
    expect(found.page.locator("#everybody-state")).to_contain_text("此处已关闭")
