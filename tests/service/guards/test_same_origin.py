"""What a page of another site learns of this service through its visitor's browser: nothing."""

import pytest

from tests.service.running import NOT_THERE, Service, refusal

GUARDED = (
    "/person_count?filepath=",
    "/persons?filepath=",
    "/files?search=",
    "/status?",
    "/metrics?",
)
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
EMBEDDED: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "object"},
    {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    {},
)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site", "", "same-origin, none"])
@pytest.mark.parametrize("how", EMBEDDED, ids=lambda how: how.get("Sec-Fetch-Dest", "unsaid"))
def test_other_sites_pages_cannot_tell_a_file_from_none(
    library: Service, site: str, how: dict[str, str]
) -> None:
    headers = {"Sec-Fetch-Site": site, **how}
    for address in (*GUARDED, "/faces/1.jpg?x=", "/faces/1/photo.jpg?x="):
        answers = [
            library.send("GET", address + name, headers=headers)
            for name in ("a.png", "none.png", "broken.jpg", "../a.png")
        ]
        assert len({refusal(answer, 400) for answer in answers}) == 1


def test_links_and_the_own_page_and_programs_are_answered(library: Service) -> None:
    own = [{"Sec-Fetch-Site": site, **how} for site in ("same-origin", "none") for how in EMBEDDED]
    links = [{"Sec-Fetch-Site": site, **LINK} for site in ("cross-site", "same-site")]
    for headers in ({}, *own, *links):
        answer = library.send("GET", "/person_count?filepath=none.png", headers=headers)
        assert answer.body == NOT_THERE, headers


def test_the_page_and_what_needs_no_token_are_linked_from_anywhere(library: Service) -> None:
    for target in ("/", "/docs", "/healthz", "/openapi.json", "/assets/main.js"):
        answer = library.send("GET", target, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status == 200, target
