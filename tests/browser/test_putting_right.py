"""People put a count right on the page, and the API counts the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from index.base.tokens import Scope, add_token
from tests.browser.conftest import Begin, Visit
from tests.service.running import Service

pytestmark = pytest.mark.browser

# two photos of each of two persons, and one of a poster
FACES = {"a1.png": 0, "a2.png": 4, "b1.png": 95, "b2.png": 100, "poster.png": 195}


def fill(service: Service) -> None:
    for name, person in FACES.items():
        service.drop(name, person)
    assert service.ask(*FACES).json["person_num"] == 3


@pytest.fixture
def site(make_page_service: Callable[..., Service]) -> Service:
    service = make_page_service()
    fill(service)
    return service


def expect_everywhere(found: Visit, service: Service, count: int) -> None:
    found.expect_count(count)
    found.settle()
    assert service.ask(*FACES).json["person_num"] == count


def press(found: Visit, name: str) -> None:
    found.page.locator("#judging-bar").get_by_role("button", name=name).click()


def face_of(name: str) -> str:
    return f":is(#people, #left-out) button.face[title='{name}']"


def choose(found: Visit, *names: str) -> None:
    for name in names:
        found.page.locator(face_of(name)).click()


def test_people_join_split_and_leave_out_and_undo(site: Service, visit: Begin) -> None:
    found = visit(site)
    page = found.page
    found.open(*FACES)
    expect_everywhere(found, site, 3)
    page.get_by_role("button", name="Put it right").click()
    expect(page.locator("#judging-bar")).to_contain_text("Choose faces or whole people")

    # one split, by keyboard alone
    page.locator(face_of("b1.png")).focus()
    page.keyboard.press("Space")
    page.locator(face_of("b2.png")).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#judging-bar")).to_contain_text("2 faces chosen")
    page.locator("#judging-bar").get_by_role("button", name="Different people").focus()
    page.keyboard.press("Enter")
    expect_everywhere(found, site, 4)
    expect(page.locator("#judging-told")).to_have_text("Kept: different people.")
    # which now does nothing, but the keyboard goes on from there
    expect(page.locator("#judging-bar [data-focus='judging:differentPeople']")).to_be_focused()
    page.keyboard.press("Enter")
    found.settle()
    assert len(found.bodies("/judgements")) == 1
    expect(page.locator("#people .face-judged")).to_have_count(2)

    # two persons joined: a whole one and a face
    page.get_by_role("button", name="Choose person 1", exact=True).click()
    expect(page.locator("#people .face[aria-pressed=true]")).to_have_count(2)
    choose(found, "b2.png")
    expect(page.locator("#judging-bar")).to_contain_text("3 faces chosen")
    press(found, "Same person")
    expect_everywhere(found, site, 3)
    page.get_by_text("all of them by what people said").click()
    expect(page.locator(".face-weak")).to_have_count(0)
    page.locator(".pair").first.click()
    expect(page.locator("#link")).to_contain_text("People said that these two are one person.")
    page.keyboard.press("Escape")

    # a poster left out
    choose(found, "poster.png")
    press(found, "Look at their photos")
    expect(page.get_by_role("dialog", name="poster.png")).to_be_visible()
    page.keyboard.press("Escape")
    press(found, "Not a person")
    expect_everywhere(found, site, 2)
    page.get_by_text("1 face left out").click()
    expect(page.get_by_text("people said that this is not a person")).to_be_visible()

    # what contradicts is refused, and nothing changes
    choose(found, "a1.png", "a2.png")
    found.forgiven.append("409")
    press(found, "Different people")
    expect(page.locator("#judging-told")).to_contain_text(
        "contradicts that the faces are different"
    )
    expect_everywhere(found, site, 2)

    # undone, step by step
    for count in (3, 4, 3):
        press(found, "Undo the last")
        expect_everywhere(found, site, count)
    expect(page.locator(".face-judged")).to_have_count(0)
    states = [
        one["state"] for one in site.send("GET", "/judgements?state=undone").json["judgements"]
    ]
    assert states == ["undone"] * 4


def test_what_somebody_else_undid_is_not_undone_for_ever(site: Service, visit: Begin) -> None:
    found = visit(site)
    found.open(*FACES)
    found.page.get_by_role("button", name="Put it right").click()
    for name, count in (("poster.png", 2), ("b1.png", 2)):
        choose(found, name)
        press(found, "Not a person")
        expect_everywhere(found, site, count)
    [last, _] = site.send("GET", "/judgements").json["judgements"]
    assert site.send("DELETE", f"/judgements/{last['id']}").status == 200
    found.forgiven.append("409")
    press(found, "Undo the last")
    expect(found.page.locator("#judging-told")).to_contain_text("was undone already")
    press(found, "Undo the last")
    expect_everywhere(found, site, 3)


def test_the_most_doubtful_are_asked_about_first(site: Service, visit: Begin) -> None:
    found = visit(site, locale="zh-CN")
    page = found.page
    found.open(*FACES)
    found.expect_count(3)
    asked = site.ask(*FACES, path="/persons").json["doubts"]
    page.get_by_role("button", name="更正").click()
    shown = page.locator(".doubt-faces [data-focus]")

    def pair() -> list[str]:
        return [f"doubt-face:{face}" for face in asked[0]["faces"]]

    expect(shown).to_have_count(2)
    assert [node.get_attribute("data-focus") for node in shown.all()] == pair()
    page.locator("#doubts").get_by_role("button", name="不同的人").focus()
    page.keyboard.press("Enter")
    expect_everywhere(found, site, 4 if asked[0]["joined"] else 3)
    asked = site.ask(*FACES, path="/persons").json["doubts"]
    expect(page.locator(f"#doubts [data-focus='{pair()[0]}']")).to_be_visible()
    expect(page.locator("#doubts [data-focus='doubt:differentPeople']")).to_be_focused()
    del asked[0]
    page.locator("#doubts").get_by_role("button", name="不确定").click()
    expect(page.locator(f"#doubts [data-focus='{pair()[1]}']")).to_be_visible()
    page.locator("#doubts .face").first.click()
    expect(page.locator("#photo")).to_be_visible()


def test_a_token_that_may_not_judge_is_told_so(
    make_page_service: Callable[..., Service], visit: Begin, tmp_path: Path
) -> None:
    secrets = {scope: add_token(tmp_path / "tokens", scope, scope) for scope in Scope}
    service = make_page_service(tokens=tmp_path / "tokens")
    for name, person in FACES.items():
        service.drop(name, person)
    found = visit(service)
    found.forgiven.append("401")
    page = found.page
    found.open(*FACES)
    page.locator("#token-input").fill(secrets[Scope.READ])
    page.keyboard.press("Enter")
    found.expect_count(3)
    page.get_by_role("button", name="Put it right").click()
    choose(found, "poster.png")
    press(found, "Not a person")
    expect(page.locator("#token-error")).to_have_text(
        "the token's scope is read, and this needs judge"
    )
    page.locator("#token-input").fill(secrets[Scope.JUDGE])
    page.keyboard.press("Enter")
    expect(page.locator("#token")).to_be_hidden()
    found.settle()
    press(found, "Not a person")
    found.expect_count(2)
    authorised = {"Authorization": f"Bearer {secrets[Scope.READ]}"}
    [kept] = service.send("GET", "/judgements", headers=authorised).json["judgements"]
    assert kept["author"] == "judge"
    assert kept["verdict"] == "not_a_person"
