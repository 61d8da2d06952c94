"""Where else is this person? From any face on the page, and on to a question."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Begin
from tests.service.running import Service

pytestmark = pytest.mark.browser


def test_a_face_leads_to_the_same_person_s_other_photos_and_to_a_question(
    album: Service, visit: Begin
) -> None:
    found = visit(album)
    page = found.page
    found.open("a1.png")
    found.expect_count(1)
    page.locator("#people .face").click()
    page.get_by_role("button", name="Where else is this person?").focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#elsewhere")
    number = album.ask("a1.png", path="/persons").json["persons"][0]["faces"][0]["id"]
    near = album.send("GET", f"/faces/{number}/similar").json
    expect(dialog).to_contain_text(f"{near['found']} faces of the library are below threshold 0.2.")
    names = [face["filepaths"][0] for face in near["similar"]]
    assert {"a2.png", "group.png"} <= set(names)
    expect(dialog.locator(".face")).to_have_count(len(names))
    axe = Axe().run(page)
    assert axe.response["violations"] == [], axe.generate_report()
    dialog.locator(".face").first.click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#photo-title")).to_have_text(names[0])
    page.get_by_role("button", name="Where else is this person?").click()
    page.get_by_role("button", name="Who is in these").click()
    expect(page.locator("#photo")).to_be_hidden()
    expect(page.locator("#chosen")).to_contain_text("a2.png")
    found.expect_count(3)


def test_nobody_else_is_said_in_chinese_too(album: Service, visit: Begin) -> None:
    found = visit(album, locale="zh-CN", viewport={"width": 360, "height": 740})
    found.open("trips/c.png", t="0.01")
    found.expect_count(1)
    found.page.locator("#people .face").click()
    found.page.get_by_role("button", name="此人还出现在哪里").click()
    expect(found.page.locator("#elsewhere")).to_contain_text("图库中有 0 张人脸低于阈值 0.01")
    found.page.keyboard.press("Escape")
    expect(found.page.locator("#elsewhere")).to_be_hidden()
