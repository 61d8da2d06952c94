"""Choosing photos, the number, and the threshold: what people do first."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ALBUM, Begin
from tests.service.running import Service
from tests.waiting import wait_until

pytestmark = pytest.mark.browser


def test_a_first_visit_explains_itself_and_lists_what_is_there(
    album: Service, visit: Begin
) -> None:
    found = visit(album)
    found.open()
    expect(found.page.get_by_text("How many different people are in these photos?")).to_be_visible()
    expect(found.page.get_by_role("checkbox")).to_have_count(9)
    expect(found.page.locator("#library")).to_contain_text("8 photos ready")
    expect(found.page.locator("#chosen-card")).to_be_hidden()
    assert found.bodies("/persons") == []


def test_an_empty_folder_says_what_to_do(
    make_page_service: Callable[..., Service], visit: Begin
) -> None:
    found = visit(make_page_service())
    found.open()
    expect(found.page.get_by_text("The drop folder is empty.")).to_be_visible()


def test_an_image_still_loads_when_all_pictures_are_forgotten(album: Service, visit: Begin) -> None:
    """Another token makes the page forget them, perhaps before a busy browser has read one."""
    found = visit(album)
    found.open("a1.png")
    found.expect_count(1)
    width = found.page.evaluate(
        """async () => {
            const { picture, forgetPictures } = await import('/assets/images.js');
            forgetPictures(); // so that the next picture is one that nothing has shown
            const face = document.querySelector('[data-face]').dataset.face;
            const { url } = await picture(`faces/${face}.jpg`);
            forgetPictures();
            await new Promise((later) => setTimeout(later));
            const image = new Image();
            image.src = url;
            await image.decode();
            return image.width;
        }"""
    )
    assert width > 0


def test_chosen_photos_give_the_number_and_every_face(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open()
    for name in ("a1.png", "a2.png", "b1.png"):
        found.page.get_by_role("checkbox", name=name).check()
    found.expect_count(2)
    expect(found.page.locator(".person")).to_have_count(2)
    expect(found.page.locator("#announcer")).to_have_text(
        "2 different people in 3 photos at threshold 0.2"
    )
    faces = found.page.locator("#people .face")
    expect(faces).to_have_count(3)
    expect(faces.locator("img")).to_have_count(3)
    for image in faces.locator("img").all():
        assert image.evaluate("image => image.naturalWidth") > 0
    found.page.get_by_role("button", name="Remove b1.png").click()
    found.expect_count(1)


def test_a_search_narrows_the_list_and_all_found_can_be_added(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open()
    found.page.get_by_label("Search photos by name").fill("b")
    expect(found.page.get_by_role("checkbox")).to_have_count(3)  # b1, b2, broken
    found.page.get_by_role("button", name="Add all of these").click()
    expect(found.page.locator("#chosen-title")).to_have_text("Chosen: 3 photos")
    found.expect_count(1)
    found.page.get_by_label("Search photos by name").fill("nowhere")
    expect(found.page.get_by_text("No photo's name contains “nowhere”.")).to_be_visible()


def test_adding_more_than_a_question_may_have_says_that_some_were_left_out(
    make_page_service: Callable[..., Service], visit: Begin
) -> None:
    service = make_page_service(max_request_files=3)
    names = [service.drop(f"{number}.png", number) for number in range(5)]
    for name in names:
        assert service.ask(name).status == 200
    found = visit(service)
    found.open("0.png")
    found.page.get_by_label("Search photos by name").fill("1.png")
    expect(found.page.get_by_role("checkbox")).to_have_count(1)
    found.page.get_by_role("button", name="Add all of these").click()
    expect(found.page.locator("#chosen-title")).to_have_text("Chosen: 2 photos")
    expect(found.page.get_by_text("Some were not added")).to_have_count(0)
    found.page.get_by_label("Search photos by name").fill("")
    expect(found.page.get_by_role("checkbox")).to_have_count(5)
    found.page.get_by_role("button", name="Add all of these").click()
    expect(found.page.locator("#chosen-title")).to_have_text("Chosen: 3 photos")
    expect(
        found.page.get_by_text("Some were not added: one question takes 3 photos at most.")
    ).to_be_visible()
    found.expect_count(1)


def test_choosing_far_down_keeps_the_place_in_the_list(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open()
    last = found.page.get_by_role("checkbox").last
    last.check()
    scrolled = "document.querySelector('.found-list').scrollTop"
    before = found.page.evaluate(scrolled)
    expect(last).to_be_focused()
    found.expect_count(1)
    assert found.page.evaluate(scrolled) == before > 0


def test_a_pasted_list_is_asked_about_as_it_is(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open()
    found.page.get_by_role("tab", name="Paste a list").click()
    found.page.get_by_label("One file name or path on each line").fill(
        "a1.png\r\n\ntrips/c.png\na1.png\n"
    )
    found.page.get_by_role("button", name="Add these").click()
    found.expect_count(2)
    assert found.bodies("/persons")[-1]["filepaths"] == ["a1.png", "trips/c.png"]


def test_the_slider_says_what_the_service_answers_at_five_thresholds(
    album: Service, visit: Begin
) -> None:
    found = visit(album)
    found.open(*ALBUM, linkage="complete")  # on a circle it has the most steps
    found.expect_count(3)
    numbers = []
    for threshold in ("0", "0.005", "0.1", "0.15", "0.4"):
        question = {"filepaths": list(ALBUM), "threshold": threshold, "linkage": "complete"}
        asked = album.post(question)
        numbers.append(asked.json["person_num"])
        found.page.locator("#slider").fill(threshold)
        found.expect_count(numbers[-1])  # at once, from the curve
        found.settle()
        found.expect_count(numbers[-1])  # and from the answer
        expect(found.page.locator("#people .person")).to_have_count(numbers[-1])
        expect(found.page.get_by_label("Threshold", exact=True).first).to_have_value(threshold)
        assert found.bodies("/persons")[-1]["threshold"] == threshold
    assert len(set(numbers)) >= 4, "thresholds that tell something"


def test_the_number_follows_the_slider_before_anything_is_asked(
    album: Service, visit: Begin
) -> None:
    found = visit(album)
    found.open(*ALBUM)
    found.expect_count(3)
    found.settle()
    before = len(found.bodies("/persons"))
    found.page.route("**/persons", lambda _: None)  # nobody answers any more
    found.page.locator("#slider").fill("0")
    found.expect_count(9)
    for step in range(1, 30):
        found.page.locator("#slider").fill(f"{step * 0.005:.3f}")
    found.page.wait_for_timeout(1000)
    assert len(found.bodies("/persons")) - before <= 3, "each position was asked about"
    assert found.bodies("/persons")[-1]["threshold"] == "0.145"


def test_a_typed_threshold_is_sent_to_the_letter_and_a_bad_one_never(
    album: Service, visit: Begin
) -> None:
    found = visit(album)
    found.open(*ALBUM)
    found.expect_count(3)
    found.page.locator("#threshold").fill("0.21350")
    found.settle()
    expect(found.page.locator("#person-num")).to_be_visible()
    assert found.bodies("/persons")[-1]["threshold"] == "0.21350"
    found.page.locator("#threshold").fill("0.2x")
    expect(found.page.get_by_text("The threshold must be a number of at least 0")).to_be_visible()
    found.page.locator("#slider").focus()
    expect(found.page.locator("#threshold")).to_have_value("0.21350")
    assert found.bodies("/persons")[-1]["threshold"] == "0.21350"


def test_the_choices_are_the_service_s_own_until_somebody_chooses(
    album: Service, visit: Begin
) -> None:
    found = visit(album)
    found.open(*ALBUM)
    found.expect_count(3)
    assert set(found.bodies("/persons")[-1]) == {"filepaths", "threshold"}
    found.page.get_by_text("How it counts").click()
    expect(found.page.get_by_label("What joins faces")).to_have_value("evidence")
    found.page.get_by_label("What joins faces").select_option("complete")
    found.settle()
    assert found.bodies("/persons")[-1]["linkage"] == "complete"


def test_an_address_that_is_newer_than_what_the_page_would_write_is_kept(
    album: Service, visit: Begin
) -> None:
    """The page writes it a little later, and hears of a new one a little later, too."""
    found = visit(album)
    found.open("a1.png", "a2.png")
    found.expect_count(1)
    found.page.locator("#slider").fill("0.3")  # to be written soon
    found.page.evaluate("history.replaceState(null, '', '#f=a1.png&f=b1.png')")
    found.page.wait_for_timeout(500)
    assert found.page.evaluate("location.hash") == "#f=a1.png&f=b1.png"
    found.page.evaluate("dispatchEvent(new HashChangeEvent('hashchange'))")
    found.expect_count(2)
    expect(found.page.locator("#threshold")).to_have_value("0.2")
    found.page.locator("#slider").fill("0.3")
    wait_until(lambda: "t=0.3" in found.page.evaluate("location.hash"), "the address follows")


def test_the_address_shows_somebody_else_the_same(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open("b1.png", "b2.png", "trips/c.png")
    found.page.locator("#slider").fill("0.3")
    found.expect_count(1)
    found.page.get_by_role("button", name="中文").click()
    wait_until(lambda: "lang=zh" in found.page.evaluate("location.hash"), "the address follows")
    other = visit(album)
    other.page.goto(found.page.url)
    other.expect_count(1)
    expect(other.page.locator("#threshold")).to_have_value("0.3")
    expect(other.page.locator("#chosen-title")).to_have_text("已选 3 张照片")
    assert not any("b1.png" in request.url.partition("#")[0] for request in other.asked)


def test_only_persons_in_several_photos_can_be_asked_for(album: Service, visit: Begin) -> None:
    found = visit(album)
    found.open(*ALBUM)
    found.expect_count(3)
    found.page.get_by_text("How it counts").click()
    found.page.get_by_label("Photos a person must be in").fill("2")
    found.expect_count(2)
    found.settle()
    assert found.bodies("/persons")[-1]["min_photos"] == 2
    expect(found.page.locator("#people .person")).to_have_count(2)
    expect(found.page.locator("#left-out")).to_contain_text("its person is in too few photos")
    found.page.reload()
    found.expect_count(2)
