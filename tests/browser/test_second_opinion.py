"""Where a second model disagrees, the page shows the faces."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from ingest.networks.models import Models
from tests.browser.conftest import ArcEncoder, Begin, arc_models
from tests.fakes import FakeDetector, hasty_models
from tests.service.beside import index_beside
from tests.service.running import Service

pytestmark = pytest.mark.browser


@pytest.fixture
def seen_twice(make_page_service: Callable[..., Service]) -> Service:
    """Two photos of one person and one of another, whom only the second model takes for three."""
    service = make_page_service()
    service.drop("a1.png", 0)
    service.drop("a2.png", 8)
    service.drop("b.png", 100)
    assert service.ask("a1.png", "a2.png", "b.png").json["person_num"] == 2
    return service


def test_people_whom_the_second_model_parts_are_shown(seen_twice: Service, visit: Begin) -> None:
    index_beside(seen_twice, hasty_models("hasty-0123456789abcdef"))
    found = visit(seen_twice)
    found.open("a1.png", "a2.png", "b.png")
    found.expect_count(2)
    section = found.page.get_by_role(
        "region", name="A second model, hasty, counts 3 people: look here first"
    )
    expect(section).to_contain_text("Counted as one person; the second model takes them for")
    expect(section.locator(".parts > ul")).to_have_count(2)
    assert Axe().run(found.page).violations_count == 0
    section.get_by_role("button", name="Face of person 1 in a2.png").click()
    expect(found.page.get_by_role("dialog", name="a2.png")).to_be_visible()
    found.page.keyboard.press("Escape")
    found.page.get_by_role("button", name="中文").click()
    expect(found.page.get_by_text("第二个模型认为是几个人")).to_be_visible()


def test_a_second_model_that_agrees_says_so(seen_twice: Service, visit: Begin) -> None:
    encoder = ArcEncoder()
    encoder.model_id = "arc-2"
    index_beside(seen_twice, Models(FakeDetector(), encoder, arc_models().decoders))
    found = visit(seen_twice)
    found.open("a1.png", "a2.png", "b.png")
    expect(found.page.locator("#second")).to_have_text(
        "A second model, arc-2, counts the same people."
    )
    found.open()
    expect(found.page.locator("#second")).to_be_empty()
