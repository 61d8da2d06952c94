"""Why the number is what it is, and what to do when it is not there."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from index.database import Database
from index.match_rates import FALSE_MATCH_RATES, FalseMatchRates
from index.report import IngestReport, WatcherReport, store_report
from index.space import UNMEASURED
from index.store import generations
from index.tokens import Scope, add_token, remove_token
from tests.browser.conftest import ALBUM, Visit
from tests.fakes import save_picture
from tests.service.running import Service
from tests.waiting import wait_until

pytestmark = pytest.mark.browser

Begin = Callable[..., Visit]


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
    expect(dialog).to_contain_text("1 to 4 in 1,000 pairs of strangers")
    expect(dialog.locator("img")).to_have_count(2)
    found.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


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


def test_a_number_over_part_of_the_files_says_so(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open("a1.png", "broken.jpg", "none.png", "wall.png")
    found.expect_count(1)
    notices = found.page.locator("#notices")
    expect(notices).to_contain_text("This number is not complete.")
    expect(notices).to_contain_text("1 photo cannot be read. 1 file does not exist.")
    rows = found.page.locator("#chosen li")
    expect(rows).to_have_count(4)
    assert [row.get_attribute("data-status") for row in rows.all()] == [
        "failed",
        "unknown",
        "no_face",
        "counted",
    ]
    reason = album.ask("broken.jpg").json["error"].rpartition(": ")[2]
    expect(rows.first).to_contain_text(reason)
    expect(found.page.locator("#announcer")).to_contain_text("not complete")


def test_the_number_follows_by_itself_while_photos_are_being_read(
    make_page_service: Callable[..., Service], visit: Begin
) -> None:
    service = make_page_service(wait_seconds=0.2)
    service.drop("a.png", 1)
    wait_until(lambda: service.ask("a.png").status == 200, "it is read")
    service.worker.hold()
    service.drop("b.png", 90)
    found = visit(service)
    found.open("a.png", "b.png")
    found.expect_count(1)
    expect(found.page.locator("#notices")).to_contain_text("1 photo still being read")
    expect(found.page.locator("#pulse")).to_contain_text("1 waiting")
    service.worker.let_go()
    found.expect_count(2)
    expect(found.page.locator("#notices")).to_be_empty()


def test_while_a_question_waits_the_page_says_what_for(
    make_page_service: Callable[..., Service], visit: Begin
) -> None:
    service = make_page_service(wait_seconds=60.0)
    service.worker.hold()
    service.drop("a.png", 1)
    found = visit(service)
    found.open("a.png")
    expect(found.page.locator("#count")).to_contain_text("1 photo waiting to be read")
    expect(found.page.locator("#library progress")).to_be_visible()
    service.worker.let_go()
    found.expect_count(1)


def test_before_anything_was_ever_indexed_the_page_waits(
    make_page_service: Callable[..., Service], visit: Begin
) -> None:
    service = make_page_service(never_ingested=True, wait_seconds=0.0)
    save_picture(service.settings.inbox / "a.png", 1)
    found = visit(service)
    found.forgiven.append("status of 503")
    found.open("a.png")
    expect(found.page.locator("#notices")).to_contain_text("still reading photos")
    expect(found.page.locator("#person-num")).to_have_count(0)


def test_photos_that_failed_are_listed_and_tried_again(
    make_page_service: Callable[..., Service], visit: Begin
) -> None:
    service = make_page_service()
    (service.settings.inbox / "late.png").write_text("not yet")
    assert service.ask("late.png").status == 422
    found = visit(service)
    found.open()
    found.page.get_by_text("1 photo could not be read").click()
    expect(found.page.locator(".failures li")).to_contain_text("late.png")
    save_picture(service.settings.inbox / "late.png", 3)
    found.page.get_by_role("button", name="Try late.png again").click()
    expect(found.page.locator("#library")).to_contain_text("1 photo will be read again.")
    expect(found.page.locator("#library")).to_contain_text("1 photo ready")
    expect(found.page.locator(".failures")).to_have_count(0)


TROUBLES = {
    "en-US": ("has not reported for 2 minutes", "3 photos are missing", "person-count removals"),
    "zh-CN": ("2 分钟没有报告", "3 张照片不见了", "person-count removals"),
}


@pytest.mark.parametrize("locale", TROUBLES)
def test_held_removals_and_a_silent_ingest_are_said(
    make_page_service: Callable[..., Service], visit: Begin, locale: str
) -> None:
    service = make_page_service()
    now = time.time()
    with Database(service.settings.database_path) as database:
        store_report(database, IngestReport(now), now)
        found = visit(service, locale=locale)
        found.open()
        expect(found.page.locator("#library .figures")).to_be_visible()
        expect(found.page.locator("#library .error-text")).to_have_count(0)
        held = IngestReport(now, watcher=WatcherReport(removals_held=3))
        store_report(database, held, now - 130)
    found.page.reload()
    for text in TROUBLES[locale]:
        expect(found.page.locator("#library")).to_contain_text(text)


def test_failures_that_are_not_all_listed_are_asked_for_once_a_minute_not_at_every_look(
    make_page_service: Callable[..., Service], visit: Begin
) -> None:
    service = make_page_service()
    names = [f"{number}.png" for number in range(51)]  # the page lists fifty
    for name in names:
        (service.settings.inbox / name).write_text(f"no photo {name}")
    assert service.ask(*names).status == 422
    wait_until(
        lambda: service.send("GET", "/status").json["files"]["failed"] == len(names), "all failed"
    )
    found = visit(service)
    found.page.clock.install()
    found.open()
    expect(found.page.locator(".failures")).to_contain_text("51 photos could not be read")

    def look_again(times: int) -> int:
        """How often failures have been asked for, after so many looks ten seconds apart."""
        for _ in range(times):
            with found.page.expect_response("**/status"):
                found.page.clock.run_for(10_100)
            found.page.wait_for_timeout(100)
        return sum("state=failed" in request.url for request in found.asked)

    assert look_again(3) == 1
    assert look_again(4) == 2


def test_a_token_is_asked_for_and_kept_in_the_tab(
    make_page_service: Callable[..., Service], visit: Begin, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    secret = add_token(tokens, "reader", Scope.READ)
    service = make_page_service(tokens=tokens)
    service.drop("a.png", 1)
    found = visit(service)
    found.forgiven.append("status of 401")
    found.open("a.png")
    form = found.page.get_by_role("dialog", name="This service asks for a token")
    form.get_by_label("Token").fill("wrong")
    form.get_by_role("button", name="Use it").click()
    expect(form.get_by_role("alert")).to_have_text("the token is not valid")
    form.get_by_label("Token").fill(secret)
    form.get_by_role("button", name="Use it").click()
    found.expect_count(1)
    expect(found.page.locator("#people img")).to_have_count(1)
    found.page.locator("#people .face").click()
    expect(found.page.locator("#photo .box")).to_have_count(1)
    found.page.reload()
    found.expect_count(1)
    assert found.page.evaluate("JSON.stringify(localStorage)").find(secret) == -1
    remove_token(tokens, "reader")
    found.page.reload()
    expect(form.get_by_role("alert")).to_have_text("the token is not valid")
    found.page.keyboard.press("Escape")
    expect(found.page.locator("#notices")).to_contain_text("The service asks for a token.")
    expect(found.page.locator("#person-num")).to_have_count(0)


def test_a_service_that_is_gone_is_asked_again_until_it_is_back(
    album: Service, visit: Begin
) -> None:
    found = visit(album)
    found.forgiven.append("ERR_")
    found.open("a1.png")
    found.expect_count(1)
    gone = threading.Event()
    gone.set()
    found.page.route(
        "**/persons", lambda route: route.abort() if gone.is_set() else route.continue_()
    )
    found.page.get_by_role("checkbox", name="b1.png").check()
    expect(found.page.locator("#notices")).to_contain_text("cannot be reached")
    expect(found.page.locator("#person-num")).to_have_count(0)
    gone.clear()
    found.expect_count(2)
    expect(found.page.locator("#notices")).to_be_empty()


def test_an_answer_that_comes_too_late_is_dropped(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open(*ALBUM)
    found.expect_count(3)
    found.page.evaluate(
        """() => {
            const real = window.fetch;
            window.fetch = async (path, options) => {
                const answer = await real(path, {...options, signal: undefined});
                const slow = options.body?.includes('"0.3"');
                if (slow) await new Promise((resolve) => setTimeout(resolve, 1500));
                window.late = slow || window.late;
                return answer;
            };
        }"""
    )
    found.page.locator("#slider").fill("0.3")
    found.page.wait_for_timeout(400)
    found.page.locator("#slider").fill("0")
    found.settle()
    wait_until(lambda: found.page.evaluate("window.late"), "the late answer")
    found.page.wait_for_timeout(200)
    expect(found.page.locator("#people .person")).to_have_count(9)
    found.expect_count(9)
