"""Photos that are put into the folder from the page, and what it says when that fails."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Begin, Visit
from tests.fakes import picture
from tests.service.running import Service

pytestmark = pytest.mark.browser


def test_photos_that_are_picked_or_dropped_are_sent_and_counted(
    make_page_service: Callable[..., Service], visit: Begin, tmp_path: Path
) -> None:
    service = make_page_service()
    found = visit(service)
    found.open()
    picture(5).save(tmp_path / "picked 一.png")
    found.page.locator("#drop-input").set_input_files(tmp_path / "picked 一.png")
    found.expect_count(1)
    assert (service.settings.inbox / "picked 一.png").read_bytes() == (
        tmp_path / "picked 一.png"
    ).read_bytes()
    picture(120).save(tmp_path / "dropped.png")
    drop(found, tmp_path / "dropped.png")
    found.expect_count(2)
    expect(found.page.get_by_text("1 photo added.")).to_be_visible()
    expect(found.page.locator("#veil")).to_be_hidden()


def drop(found: Visit, path: Path) -> None:
    """Drop a file on the page, as a desktop does; the browser must not open it instead."""
    prevented = found.page.evaluate(
        """([name, bytes]) => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([new Uint8Array(bytes)], name, {type: "image/png"}));
            return ["dragenter", "dragover", "drop"].map((kind) => {
                const event = new DragEvent(kind, {dataTransfer, bubbles: true, cancelable: true});
                document.body.dispatchEvent(event);
                return event.defaultPrevented;
            });
        }""",
        [path.name, list(path.read_bytes())],
    )
    assert prevented == [False, True, True]


def test_one_file_that_cannot_be_read_does_not_lose_the_dropped_folder(
    make_page_service: Callable[..., Service], visit: Begin, tmp_path: Path
) -> None:
    service = make_page_service()
    found = visit(service)
    found.open()
    found.page.evaluate(  # no script can make such entries; only their errors are made up here
        """() => {
            DataTransferItem.prototype.webkitGetAsEntry = function () {
                const file = this.getAsFile();
                const good = {isFile: true, name: file.name, file: (take) => take(file)};
                const fails = (take, refuse) => refuse(new DOMException("gone", "NotFoundError"));
                const bad = {isFile: true, name: "bad.png", file: fails};
                const closed = {name: "closed", createReader: () => ({readEntries: fails})};
                const parts = [[good, bad, closed], []];
                const readEntries = (take) => take(parts.shift());
                return {isDirectory: true, name: "all", createReader: () => ({readEntries})};
            };
        }"""
    )
    picture(5).save(tmp_path / "good.png")
    drop(found, tmp_path / "good.png")
    found.expect_count(1)
    for text in ("1 photo added.", "bad.png: the browser cannot", "closed: the browser cannot"):
        expect(found.page.locator("#uploads")).to_contain_text(text)
    assert [path.name for path in service.settings.inbox.iterdir()] == ["good.png"]


def test_a_file_that_is_no_photo_is_refused_with_the_reason(
    album: Service, visit: Begin, tmp_path: Path
) -> None:
    found = visit(album)
    found.forgiven.append("status of 4")
    found.open()
    (tmp_path / "notes.txt").write_text("no photo")
    found.page.locator("#drop-input").set_input_files(tmp_path / "notes.txt")
    expect(found.page.locator("#uploads")).to_contain_text("notes.txt: ")
    assert not (album.settings.inbox / "notes.txt").exists()
    found.page.get_by_role("button", name="Dismiss").click()
    expect(found.page.locator("#uploads")).to_be_empty()


def test_a_folder_that_cannot_be_written_to_is_told_at_once(
    make_page_service: Callable[..., Service], visit: Begin, tmp_path: Path
) -> None:
    found = visit(make_page_service(inbox=Path("/sys/kernel")))  # not even root may write there
    found.forgiven.append("status of 503")
    found.open()
    picture(5).save(tmp_path / "a.png")
    found.page.locator("#drop-input").set_input_files(tmp_path / "a.png")
    expect(found.page.locator("#uploads")).to_contain_text(
        "a.png: the drop folder cannot be written to by the service"
    )


def test_a_service_that_never_has_room_is_given_up_and_says_why_meanwhile(
    album: Service, visit: Begin, tmp_path: Path
) -> None:
    found = visit(album)
    found.forgiven.append("status of 503")
    found.page.clock.install()
    refusal = {"cord": 503, "error": "the disk sleeps"}
    found.page.route(
        "**/files/*.png",
        lambda route: route.fulfill(status=503, headers={"Retry-After": "60"}, json=refusal),
    )
    found.open()
    picture(5).save(tmp_path / "a.png")
    found.page.locator("#drop-input").set_input_files(tmp_path / "a.png")
    expect(found.page.locator("#uploads")).to_contain_text("Waiting: the disk sleeps")
    for _ in range(12):
        found.page.clock.run_for(61_000)
        found.page.wait_for_timeout(50)
    expect(found.page.locator("#uploads")).to_contain_text("a.png: the disk sleeps")
