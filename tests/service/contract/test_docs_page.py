"""/docs: complete, in two languages, nothing from elsewhere, and every example works."""

import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from index.base.settings import Settings
from index.base.tokens import Scope, add_token
from index.counting.documents import Document
from service.contract import docs_page
from service.contract.addresses import METHODS
from service.contract.chinese import CHINESE
from service.contract.descriptions import MEMBERS
from service.contract.docs_page import base_url, language_of
from service.contract.examples import Call
from service.contract.openapi import describe, path_of
from service.contract.translation import IN_CHINESE
from service.handlers.routes import HANDLERS
from tests.docs.calls import run_example
from tests.service.running import Service, running_service

KINDS = {"curl": "sh", "Python": "python", "JavaScript": "javascript"}
VOID = {"meta", "link", "img", "br"}
CONTRACT = b'{"errcode": 1, "filepaths": ["a.jpg", "b.jpg"], "threshold": "0.2", "person_num": 2}'


class Page(HTMLParser):
    """A page taken apart; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self.text = ""
        self.examples: dict[tuple[str, str], str] = {}
        self._open: list[str] = []
        self._section = self._summary = ""
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self._open.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if tag == "a" else []
        self.loaded += [given[name] or "" for name in ("src", "href") if name in given]
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "section":
            self._section = given["aria-labelledby"] or ""
        if tag == "details":
            self._summary = ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open and self._open[-1] in ("script", "style"):
            self.inline.append(data)
        if self._open and self._open[-1] == "summary":
            self._summary += data
        if self._open[-2:] == ["pre", "code"] and "details" in self._open:
            self.examples[self._section, KINDS[self._summary]] = data


def page_of(service: Service, language: str = "en") -> Page:
    answer = service.send("GET", f"/docs?lang={language}")
    assert answer.status == 200
    return Page(answer.body.decode())


def photos(service: Service) -> Service:
    """The service with the contract's a.jpg and b.jpg, one person each."""
    service.drop("a.jpg", 1)
    service.drop("b.jpg", 2)
    return service


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("documented")) as service:
        yield photos(service)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_route_parameter_object_and_refusal_is_on_it(
    documented: Service, language: str
) -> None:
    page = page_of(documented, language)
    document = documented.send("GET", "/openapi.json").json
    for handler in HANDLERS:
        for method in (method for method in METHODS if method in handler.__dict__):
            assert f"{method.upper()} {path_of(handler)}" in page.text
    key = "description" if language == "en" else "x-description-zh"
    said = [text for name, text in texts(document) if name == key and text != "the answer"]
    assert len(said) > 40
    for text in [*said, *document["components"]["schemas"]]:
        assert text in page.text


def test_every_link_within_it_leads_somewhere(documented: Service) -> None:
    page = page_of(documented)
    assert len(set(page.ids)) == len(page.ids)
    inner = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert inner <= set(page.ids)
    for link in set(page.loaded) - {f"#{name}" for name in inner}:
        assert documented.send("GET", urljoin("/docs", link)).status == 200, link


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/person_count/docs", "/person_count/docs/"])
def test_its_addresses_are_relative_so_that_a_proxy_may_put_it_below_a_path(
    documented: Service, path: str
) -> None:
    page = Page(documented.send("GET", path).body.decode())
    below = {urljoin(f"/faces{path}", link).partition("?")[0] for link in page.loaded}
    assert {"/faces/", "/faces/openapi.json", "/faces/assets/docs.css"} <= below
    assert [link for link in page.loaded if link.startswith("/")] == []


def test_nothing_on_it_comes_from_elsewhere_or_stands_in_line(documented: Service) -> None:
    answer = documented.send("GET", "/docs")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = Page(answer.body.decode())
    assert page.inline == []
    assert [link for link in page.loaded if "//" in link] == []
    for name in ("docs.css", "docs.js", "base.css"):
        assert b"//" not in re.sub(
            rb"^\s*//.*$|; //.*$| // .*$",
            b"",
            documented.send("GET", f"/assets/{name}").body,
            flags=re.MULTILINE,
        )


def test_a_browser_that_has_it_is_told_so_and_nobody_needs_a_token(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    add_token(tokens, "somebody", Scope.READ)
    service = make_service(tokens=tokens)
    answer = service.send("GET", "/docs?lang=zh")
    assert answer.status == 200
    etag = answer.headers["Etag"]
    assert service.send("GET", "/docs?lang=zh", headers={"If-None-Match": etag}).status == 304
    assert service.send("GET", "/docs?lang=en", headers={"If-None-Match": etag}).status == 200


@pytest.mark.parametrize(
    ("asked", "accepted", "expected"),
    [
        ("", "", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "en-GB,en;q=0.9,zh-CN;q=0.8", "en"),
        ("", "zh;q=0.5, en;q=0.7", "en"),
        ("", "fr-FR, zh-Hant;q=0.3", "zh"),
        ("", "fr, de;q=x", "en"),
        ("", "en;q=, zh;q=nan", "en"),
        ("en", "zh-CN", "en"),
        ("zh", "en", "zh"),
        ("<script>", "zh", "zh"),
    ],
)
def test_the_language_is_the_one_asked_for_or_accepted(
    asked: str, accepted: str, expected: str
) -> None:
    assert language_of(asked, accepted) == expected


def test_the_header_chooses_the_language_over_the_wire(documented: Service) -> None:
    answer = documented.send("GET", "/docs", headers={"Accept-Language": "zh-CN,en;q=0.5"})
    assert answer.headers["Content-Language"] == "zh"
    assert answer.headers["Vary"] == "Accept-Language"
    assert '<html lang="zh-CN">' in answer.body.decode()


def texts(found: Any) -> Iterator[tuple[str, str]]:
    """Every text that is said in a description, with the name of its member."""
    if isinstance(found, list):
        found = dict(enumerate(found))
    if isinstance(found, dict):
        for name, value in found.items():
            if isinstance(value, str):
                yield str(name), value
            else:
                yield from texts(value)


def test_every_text_has_its_chinese(settings: Settings) -> None:
    document = describe(HANDLERS, settings)
    spoken = {text for name, text in texts(document) if name in ("summary", "description")}
    templates = Path(docs_page.__file__).parent / "templates"
    for path in templates.glob("*.html"):
        spoken |= set(re.findall(r"""say\(["']([^"']+)["']\)""", path.read_text("utf-8")))
    assert sorted(spoken - set(IN_CHINESE)) == []


def test_no_chinese_is_left_over() -> None:
    code = "".join(
        " ".join(path.read_text("utf-8").split()).replace('" "', "").replace("\\u", "")
        for path in Path(docs_page.__file__).parent.parent.rglob("*")
        if path.suffix in (".py", ".html") and path.name != "chinese.py"
    )
    types = {"string", "integer", "number", "boolean", "object", "null"}
    assert [text for text in CHINESE if text not in code and text not in types] == []


def test_every_member_of_every_object_is_explained(settings: Settings) -> None:
    for name, schema in describe(HANDLERS, settings)["components"]["schemas"].items():
        found = dict(members(schema))
        assert [member for member, inner in found.items() if not inner.get("description")] == []
        assert set(MEMBERS[name]) <= set(found)


def members(schema: dict[str, Any], before: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every member of an object and of the objects in it, by its path."""
    for one in schema.get("oneOf", [schema]):
        for name, inner in one.get("properties", {}).items():
            yield before + name, inner
            yield from members(inner, f"{before}{name}.")
            yield from members(inner.get("items", {}), f"{before}{name}[].")


def test_the_contracts_answers_are_shown_and_given_to_the_letter(documented: Service) -> None:
    page = page_of(documented)
    assert documented.ask("a.jpg", "b.jpg").body == CONTRACT
    for answer in (documented.ask(), documented.ask("none.jpg"), documented.ask("a.jpg", "b.jpg")):
        assert answer.body.decode() in page.text


def test_every_example_on_it_works_and_all_languages_agree(documented: Service) -> None:
    assert documented.ask("a.jpg", "b.jpg").body == CONTRACT  # the faces 1 and 2 are known now
    page = page_of(documented)
    folder = documented.settings.data.parent
    sections = {section for section, _ in page.examples}
    assert {"get-person_count", "post-person_count", "get-persons", "get-healthz"} <= sections
    assert {"get-judgements", "post-judgements"} <= sections
    for section in sections:
        answers = {
            kind: run_example(kind, page.examples[section, kind], folder) for kind in KINDS.values()
        }
        if section.endswith("-person_count"):
            assert answers["sh"] == json.loads(CONTRACT)
        if section in ("get-status", "get-people"):  # which tell of the moment
            continue
        assert answers["sh"] == answers["python"], section
        if section != "get-openapi.json":  # whose largest integers are too large for JavaScript
            assert answers["sh"] == answers["javascript"], section


def test_with_tokens_the_examples_send_one(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    secret = add_token(tokens, "somebody", Scope.READ)
    service = photos(make_service(tokens=tokens))
    page = page_of(service)
    folder = service.settings.data.parent
    for section in ("get-person_count", "post-person_count"):
        for kind in KINDS.values():
            found = run_example(kind, page.examples[section, kind], folder, TOKEN=secret)
            assert found == json.loads(CONTRACT)
    assert "TOKEN" not in page.examples["get-healthz", "sh"]


@pytest.mark.parametrize("kind", KINDS.values())
def test_any_name_can_stand_in_an_example(documented: Service, kind: str) -> None:
    name = """张三's "合影" $HOME `x` \\n {} & +1.png"""
    documented.drop(name, 3)
    url = f"https://127.0.0.1:{documented.thread.port}/person_count"
    body: Document = {"filepaths": [name]}
    for call in (
        Call(url, [("filepath", name)], certificate="data/tls.crt"),
        Call(url, body=body, certificate="data/tls.crt"),
    ):
        code = call.examples()[kind]
        found = run_example(kind, code, documented.settings.data.parent)
        assert (found["filepaths"], found["person_num"]) == ([name], 1)


def test_behind_a_proxy_the_examples_speak_tls_without_our_certificate(settings: Settings) -> None:
    plain = settings.model_copy(update={"tls": False})
    assert base_url(settings, "localhost:1") == "https://localhost:1"
    assert base_url(plain, "localhost:1") == "http://localhost:1"
    assert base_url(plain, "photos.example") == "https://photos.example"
    public = settings.model_copy(update={"public_url": "https://nas/faces/"})
    assert base_url(public, "localhost:1") == "https://nas/faces"
    document = describe(HANDLERS, plain)
    for base in ("http://localhost:1", "https://photos.example"):
        assert b"tls.crt" not in docs_page.docs_page(document, plain, "en", base, "./")
