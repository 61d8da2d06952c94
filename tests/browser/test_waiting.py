"""What the page says and does when the number is not there, or not of all files."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from index.base.tokens import Scope, add_token, remove_token
from index.database.engine import Database
from index.library.ingest_report import IngestReport, WatcherReport, store_report
from tests.browser.conftest import ALBUM, Begin
from tests.fakes import save_picture
from tests.ingest.samples import jpeg
from tests.service.running import Service
from tests.waiting import wait_until

pytestmark = pytest.mark.browser


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
    expect(found.page.locator("#notices")).to_contain_text("1 photo is still being read")
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


NO_PHOTOS = {
    "en-US": ("2 files are no photos", "no photo", "1 file is no photo."),
    "zh-CN": ("2 个文件不是照片", "不是照片", "1 个文件不是照片。"),
}


@pytest.mark.parametrize("locale", NO_PHOTOS)
def test_what_is_no_photo_is_counted_offered_to_nobody_and_no_failure(
    make_page_service: Callable[..., Service], visit: Begin, locale: str
) -> None:
    service = make_page_service()
    service.drop("a.png", 1)
    for name in ("a.mov", "a.aae"):
        (service.settings.inbox / name).write_bytes(b"anything")
    assert service.ask("a.png", "a.mov", "a.aae").status == 422
    found = visit(service, locale=locale)
    found.open("a.png", "a.mov")
    passed_over, status, notice = NO_PHOTOS[locale]
    expect(found.page.locator("#library")).to_contain_text(passed_over)
    expect(found.page.locator(".failures")).to_have_count(0)
    expect(found.page.locator("#found li")).to_have_count(1)
    expect(found.page.locator(".chosen-row.is-no_photo")).to_contain_text(status)
    expect(found.page.locator("#notices")).to_contain_text(notice)


def test_the_list_says_what_a_photo_lacks_and_what_has_no_face_in_the_words_of_an_answer(
    make_page_service: Callable[..., Service], visit: Begin
) -> None:
    service = make_page_service()
    (service.settings.inbox / "cut.jpg").write_bytes(jpeg()[:-100])
    assert service.ask("cut.jpg").json["person_num"] == 0
    found = visit(service)
    found.open("cut.jpg")
    said = "no face that countsits end is missing; nearly all of the picture is there"
    for row in ("#found li .about", ".chosen-row .about"):
        expect(found.page.locator(row)).to_have_text(said)


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
