"""A folder asked about on the page."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Begin
from tests.service.running import Service

pytestmark = pytest.mark.browser


def test_a_folder_is_asked_about_like_a_photo(
    make_page_service: Callable[..., Service], visit: Begin
) -> None:
    service = make_page_service()
    for number, person in enumerate((0, 4, 100)):
        service.drop(f"party/{number}.png", person)
    (service.settings.inbox / "party" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut short")
    service.drop("c.png", 170)
    assert service.ask("party", unreadable="skip").json["person_num"] == 2
    found = visit(service)
    found.open()
    found.page.get_by_role("tab", name="Paste a list").click()
    found.page.get_by_label("One file name or path on each line").fill("party/\nc.png")
    found.page.get_by_role("button", name="Add these").click()
    found.expect_count(3)
    chosen = found.page.locator("#chosen")
    expect(chosen.locator(".is-folder")).to_contain_text("folder with 4 photos")
    expect(chosen.locator(".is-failed")).to_contain_text("party/broken.jpg")
    expect(chosen.locator(".is-failed button")).to_have_count(0)
    expect(found.page.locator("#chosen-title")).to_have_text("Chosen: 5 photos")
    expect(found.page.locator("#announcer")).to_contain_text("3 different people in 5 photos")
    expect(found.page.locator("#notices")).to_contain_text("1 photo cannot be read.")
    found.page.get_by_role("button", name="Remove party/").click()
    found.expect_count(1)
