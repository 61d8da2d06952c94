"""/persons in pages: `limit` and `offset`."""

from typing import Any

import pytest

from tests.service.running import Service, refusal

NAMES = ("a.png", "both.png", "crowd.png", "folder", "wall.png", "broken.jpg", "none.png")
LISTS = ("persons", "left_out", "files")


def test_pages_make_up_the_whole_answer(library: Service) -> None:
    whole = library.ask(*NAMES, path="/persons", faces="one").json
    assert "next" not in whole
    pages: list[dict[str, Any]] = []
    offset: int | None = 0
    while offset is not None:
        more = {"limit": "2", "offset": str(offset), "faces": "one"}
        pages.append(library.ask(*NAMES, path="/persons", **more).json)
        offset = pages[-1].pop("next")
    assert [len(page["files"]) for page in pages] == [2, 2, 2, 1]
    assert [len(page["persons"]) for page in pages] == [2, 1, 0, 0]
    for name in LISTS:
        assert [one for page in pages for one in page[name]] == whole[name]
    for page in pages:
        rest = {name: value for name, value in page.items() if name not in LISTS}
        assert rest == {name: value for name, value in whole.items() if name not in LISTS}


def test_a_body_gives_them_as_numbers_or_not_at_all(library: Service) -> None:
    body = {"filepaths": ["crowd.png", "a.png"]}
    page = library.post({**body, "limit": 1, "offset": 2}, path="/persons").json
    whole = library.post({**body, "offset": 1}, path="/persons").json
    assert (len(page["persons"]), page["next"]) == (1, 3)
    assert (len(whole["persons"]), "next" in whole) == (3, False)


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "offset=-1", "limit=x"])
def test_bad_values_are_refused(library: Service, query: str) -> None:
    address = f"/persons?filepath=a.png&{query}"
    assert "must be a number from" in refusal(library.send("GET", address), 400)


def test_the_count_knows_no_pages(library: Service) -> None:
    assert "unknown parameter 'limit'" in refusal(library.ask("a.png", limit="1"), 400)
    body = {"filepaths": ["a.png"], "limit": 1}
    assert "unknown parameter 'limit'" in refusal(library.post(body), 400)
