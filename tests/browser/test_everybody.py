"""The page for everybody: both languages, keyboard only, screen readers, phones, dark rooms."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import ALBUM, Begin
from tests.service.running import Service

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}


def test_the_language_is_the_browser_s_until_another_is_chosen(
    album: Service, visit: Begin
) -> None:
    found = visit(album, locale="zh-CN")
    found.open()
    expect(found.page.get_by_text("这些照片里有多少个不同的人")).to_be_visible()
    assert found.page.evaluate("document.documentElement.lang") == "zh-CN"
    found.page.get_by_role("button", name="English").click()
    expect(found.page.get_by_text("How many different people are in these photos?")).to_be_visible()
    found.page.goto("about:blank")
    found.page.goto(found.base)
    expect(found.page.get_by_role("heading", name="Choose photos")).to_be_visible()
    assert found.page.evaluate("document.documentElement.lang") == "en"


def test_a_count_in_chinese_leaves_no_english_behind(album: Service, visit: Begin) -> None:
    found = visit(album, locale="zh-CN")
    found.open(*ALBUM)
    found.expect_count(3)
    expect(found.page.locator("#announcer")).to_contain_text("8 张照片中有 3 个不同的人")
    words = found.page.evaluate("document.body.innerText")
    for name in (*ALBUM, "broken.jpg", "English", "fake-1"):
        words = words.replace(name, "")
    english = [word for word in ("photo", "face", "person", "Threshold", "ready") if word in words]
    assert english == []


def test_every_sentence_exists_in_both_languages(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open()
    keys = """async ([file, name]) => Object.keys((await import(file))[name]).sort()"""
    english = found.page.evaluate(keys, ["/assets/en.js", "en"])
    chinese = found.page.evaluate(keys, ["/assets/zh.js", "zh"])
    assert english == chinese
    used = found.page.evaluate(
        """() => [...document.querySelectorAll('[data-t], [data-t-label], [data-t-placeholder]')]
            .map((node) => node.dataset.t ?? node.dataset.tLabel ?? node.dataset.tPlaceholder)"""
    )
    assert set(used) <= set(english)


def test_everything_is_reached_by_keyboard(album: Service, visit: Begin) -> None:
    found = visit(album)
    page = found.page
    found.open()
    expect(page.get_by_role("checkbox")).to_have_count(9)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the answer")).to_be_focused()
    tab_to(page, "#search")
    page.keyboard.type("trips")
    expect(page.get_by_role("checkbox")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    found.expect_count(1)
    expect(page.get_by_role("checkbox", name="trips/c.png")).to_be_focused()
    page.goto(f"{found.base}/#f=group.png&f=a1.png")
    found.expect_count(3)
    found.settle()
    tab_to(page, "#slider")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#threshold")).to_have_value("0.195")
    expect(page.locator("#slider")).to_have_attribute(
        "aria-valuetext", "threshold 0.195: 3 different people"
    )
    tab_to(page, "button.face")
    page.keyboard.press("ArrowRight")
    name = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    expect(page.locator("#photo")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#photo")).to_contain_text("1 / 2")
    page.keyboard.press("Escape")
    expect(page.locator("#photo")).to_be_hidden()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == name


def test_the_focus_returns_to_a_face_that_was_drawn_again_meanwhile(
    album: Service, visit: Begin
) -> None:
    found = visit(album)
    page = found.page
    found.open("group.png", "a1.png")
    found.expect_count(3)
    found.settle()
    tab_to(page, "button.face")
    name = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.evaluate("document.activeElement.dataset.before = ''")
    page.keyboard.press("Enter")
    expect(page.locator("#photo")).to_be_visible()
    page.evaluate("location.hash = '#t=0.195&f=group.png&f=a1.png'")
    expect(page.locator("[data-before]")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=name, exact=True)).to_be_focused()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until something is focused, and see that the focus shows all the way."""
    for _ in range(60):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            """() => {
                const node = document.activeElement;
                const shown = node.matches("input[type=file]") ? node.nextElementSibling : node;
                return getComputedStyle(shown).outlineStyle;
            }"""
        )
        assert outline != "none" or page.evaluate("document.activeElement === document.body")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab does not lead to {selector}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_accessibility_rule_is_broken(album: Service, visit: Begin, scheme: str) -> None:
    found = visit(album, color_scheme=scheme, reduced_motion="reduce")
    found.open()
    expect(found.page.get_by_role("checkbox")).to_have_count(9)
    assert broken_rules(found.page) == []
    found.open(*ALBUM, "broken.jpg", "none.png")
    found.expect_count(3)
    found.settle()
    found.page.get_by_text("How it counts").click()
    for summary in found.page.locator(".joins summary").all():
        summary.click()
    assert broken_rules(found.page) == []
    found.page.get_by_role("button", name="Put it right").click()
    found.page.locator("#people .face").first.click()
    expect(found.page.locator("#doubts img")).to_have_count(2)
    assert broken_rules(found.page) == []
    found.page.get_by_role("button", name="Put it right").click()
    found.page.locator("#people .face").first.click()
    expect(found.page.locator("#photo .box")).not_to_have_count(0)
    assert broken_rules(found.page) == []


def broken_rules(page: Page) -> list[Any]:
    """What axe-core finds, in short."""
    return [
        (rule["id"], [node["html"][:120] for node in rule["nodes"]])
        for rule in Axe().run(page).response["violations"]
    ]


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_on_a_phone_nothing_is_wider_than_the_screen(
    album: Service, visit: Begin, locale: str
) -> None:
    found = visit(album, viewport=PHONE, locale=locale, has_touch=True)
    width = "document.documentElement.scrollWidth"
    found.open()
    expect(found.page.get_by_role("checkbox")).to_have_count(9)
    assert found.page.evaluate(width) == 360
    found.open(*ALBUM, "broken.jpg", "none" * 40 + ".png")
    found.expect_count(3)
    found.settle()
    assert found.page.evaluate(width) == 360
    number = found.page.locator("#person-num").bounding_box()
    assert number is not None
    assert number["y"] < PHONE["height"] / 2, "the answer comes before the chooser"


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_the_page_is_as_bright_as_the_room(
    album: Service, visit: Begin, scheme: str, *, is_dark: bool
) -> None:
    found = visit(album, color_scheme=scheme)
    found.open(*ALBUM)
    found.expect_count(3)
    shown = Image.open(io.BytesIO(found.page.screenshot())).convert("L")
    middle = sorted(shown.get_flattened_data())[shown.width * shown.height // 2]
    assert (middle < 60) == is_dark
    assert (middle > 200) != is_dark


def test_nothing_moves_for_those_who_asked_for_it(album: Service, visit: Begin) -> None:
    found = visit(album, reduced_motion="reduce")
    found.page.route("**/persons", lambda _: None)  # keeps the placeholders on screen
    found.open(*ALBUM)
    expect(found.page.locator(".bones")).to_have_count(3)
    assert found.page.evaluate("document.getAnimations().length") == 0


def test_a_file_s_name_is_never_taken_for_markup(
    make_page_service: Callable[..., Service], visit: Begin
) -> None:
    service = make_page_service()
    name = service.drop("<img src=x onerror=alert(1)>.png", 1)
    assert service.ask(name).status == 200
    found = visit(service)
    found.open(name)
    found.expect_count(1)
    expect(found.page.locator("#chosen li .name")).to_have_text(name)
    expect(found.page.locator("#found .name")).to_have_text(name)
    found.page.locator("#people .face").click()
    expect(found.page.get_by_role("heading", name=name)).to_be_visible()
    assert found.page.locator("img[src='x']").count() == 0
