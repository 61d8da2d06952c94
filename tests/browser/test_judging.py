"""Why the number is what it is."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import Locator, expect

from index.database.engine import Database
from index.database.queries import generations
from index.vectors.match_rates import FALSE_MATCH_RATES, FalseMatchRates
from tests.browser.conftest import Begin
from tests.service.running import Service
from tests.spaces import UNMEASURED

pytestmark = pytest.mark.browser


def place(node: Locator) -> tuple[float, float, float, float]:
    """Left, top, width and height on the screen, without a border."""
    found = node.evaluate(
        """node => {
            const edge = node.getBoundingClientRect();
            return [edge.x, edge.y, edge.width, edge.height];
        }"""
    )
    return (found[0], found[1], found[2], found[3])


@pytest.mark.parametrize("width", [1280, 360])
def test_a_face_leads_to_its_photo_with_a_box_around_every_face(
    album: Service, visit: Begin, width: int
) -> None:
    found = visit(album, viewport={"width": width, "height": 740})
    found.open("group.png")
    found.expect_count(3)
    found.page.locator("#people .face").first.click()
    dialog = found.page.get_by_role("dialog", name="group.png")
    expect(dialog.locator(".box")).to_have_count(3)
    explained = album.post({"filepaths": ["group.png"]}, path="/persons").json
    left, top, wide, high = place(dialog.locator("img"))
    for person in explained["persons"]:
        for face in person["faces"]:
            x1, y1, x2, y2 = face["box"]  # of a photo of 260 x 120 pixels
            expected = (x1 / 260 * wide + left, y1 / 120 * high + top)
            shown = place(dialog.locator(f"[data-box='{face['id']}']"))
            assert shown[:2] == pytest.approx(expected, abs=1.0)
            assert shown[2:] == pytest.approx(
                ((x2 - x1) / 260 * wide, (y2 - y1) / 120 * high), abs=1.0
            )


def test_a_link_tells_the_distance_that_the_service_gives(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open("b1.png", "b2.png")
    found.expect_count(1)
    found.page.locator(".joins summary").click()
    found.page.locator(".pair").click()
    asked = album.post({"filepaths": ["b1.png", "b2.png"]}, path="/persons").json
    link = asked["persons"][0]["weakest_link"]
    dialog = found.page.get_by_role("dialog", name="Two faces of one person")
    expect(dialog).to_contain_text(f"{link['distance']:.4f}")
    expect(dialog).to_contain_text(f"{link['threshold']:.4f}")
    expect(dialog).to_contain_text("For such a link it was not measured")
    expect(dialog.locator("img")).to_have_count(2)
    found.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize(
    ("names", "count", "said"),
    [
        (("b1.png", "b2.png", "a1.png"), 2, "Stays the same from {:.4f} to {:.4f}."),
        (("b1.png", "b2.png"), 1, "Stays the same from {:.4f} on."),
        (("b1.png",), 1, "The same at every threshold."),
    ],
)
def test_the_thresholds_with_the_same_count_are_told_as_the_service_gives_them(
    album: Service, visit: Begin, names: tuple[str, ...], count: int, said: str
) -> None:
    found = visit(album)
    found.open(*names)
    found.expect_count(count)
    asked = album.post({"filepaths": list(names)}, path="/persons").json
    note = found.page.locator("#threshold-note")
    expect(note).to_have_text(said.format(*asked["stable_range"]))


STRANGERS = {
    "en-US": ("at most 38 in 10,000 pairs", "at most 1 in 30,000 pairs", "evidence of all faces"),
    "zh-CN": ("每 10,000 对陌生人中最多有 38 对", "每 30,000 对陌生人中最多有 1 对", "综合证据"),
}


@pytest.mark.parametrize("locale", STRANGERS)
def test_a_link_tells_how_often_strangers_are_as_near_where_that_was_measured(
    make_page_service: Callable[..., Service], visit: Begin, locale: str
) -> None:
    service = make_page_service()
    for name, person in (("a.png", 0), ("near.png", 1), ("far.png", 60)):
        service.drop(name, person)
    assert service.ask("a.png", "near.png", "far.png").status == 200
    table = FalseMatchRates(50, 1_000_000, (0.05, 0.4), (31, 3712))
    profile = replace(UNMEASURED, measured={FALSE_MATCH_RATES: table.to_document()})
    with Database(service.settings.database_path) as database, database.write() as connection:
        generation = generations.active(connection)
        assert generation is not None
        generations.set_profile(connection, generation.id, profile.to_json())
    found = visit(service, locale=locale)
    found.open("a.png", "near.png", "far.png", t="0.35", linkage="single")
    found.expect_count(1)
    often, rarely, why = STRANGERS[locale]
    found.page.locator(".joins summary").click()
    dialog = found.page.locator("#link")
    found.page.locator(".pair").first.click()
    expect(dialog).to_contain_text(often)
    expect(dialog).to_contain_text(why)
    found.page.keyboard.press("Escape")
    found.page.locator(".pair").last.click()
    expect(dialog).to_contain_text(rarely)
    expect(dialog).not_to_contain_text(why)


def test_faces_that_do_not_count_are_shown_with_the_reason(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open("group.png", faces="one")
    found.expect_count(1)
    found.page.get_by_text("2 faces left out").click()
    expect(found.page.get_by_text("not the most prominent face of its photo")).to_have_count(2)


def test_doubtful_people_are_pointed_out(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open("group.png", t="0.4", linkage="single")
    expect(found.page.locator("#person-num")).to_be_visible()
    found.page.locator("#threshold").fill("1.2")
    found.expect_count(1)
    expect(found.page.locator("#notices")).to_contain_text("appears twice in a photo")
    expect(found.page.locator(".person .tag")).to_have_text("Twice in a photo")


def test_what_was_unfolded_stays_so_when_the_threshold_moves(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open("group.png", faces="one")
    found.expect_count(1)
    found.page.get_by_text("2 faces left out").click()
    found.page.locator("#slider").fill("0.1")
    found.settle()
    assert found.bodies("/persons")[-1]["threshold"] == "0.1"
    expect(found.page.locator(".left-out li").first).to_be_visible()
