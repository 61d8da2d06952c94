"""The documentation says what the program does: settings, commands, links."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from index.base.ignoring import DEFAULT_PATTERNS
from index.base.parameters import Parameter
from index.base.settings import Settings
from index.counting.question import PARAMETERS
from person_count import app
from service.contract.openapi import describe
from service.handlers.routes import HANDLERS

PROJECT = Path(__file__).resolve().parent.parent.parent
PAGES = [
    *sorted(PROJECT.glob("README*.md")),
    PROJECT / "CONTRIBUTING.md",
    *sorted((PROJECT / "docs").glob("*.md")),
]
SETTING = re.compile(r"^\| `(\w+)` \| `([^`]*)` \| (.+) \|$", re.MULTILINE)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands(group: Any = None, *path: str) -> dict[str, Any]:
    """Every command by the words that call it."""
    found: dict[str, Any] = {}
    for name, command in (group or typer.main.get_command(app)).commands.items():
        words = (*path, name)
        inner = hasattr(command, "commands")
        found |= commands(command, *words) if inner else {" ".join(words): command}
    return found


COMMANDS = commands()


def default_of(name: str) -> str:
    """A default as the documentation writes it."""
    value = Settings.model_fields[name].default
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        return "see below"
    return str(value).lower() if isinstance(value, bool) else str(value)


def documented_settings() -> dict[str, tuple[str, str]]:
    page = text_of(PROJECT / "docs" / "configuration.md")
    return {name: (default, meaning) for name, default, meaning in SETTING.findall(page)}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_its_default_and_meaning(name: str) -> None:
    expected = (default_of(name), Settings.model_fields[name].description)
    assert documented_settings().get(name) == expected


def test_the_default_of_ignore_can_be_copied() -> None:
    page = text_of(PROJECT / "docs" / "configuration.md")
    block = re.search(r"```yaml\n(ignore: .*?)```", page, re.DOTALL)
    assert block is not None
    assert tuple(yaml.safe_load(block[1])["ignore"]) == DEFAULT_PATTERNS


def test_no_setting_is_documented_that_does_not_exist() -> None:
    assert set(documented_settings()) <= set(Settings.model_fields)


def test_the_shipped_configuration_is_valid() -> None:
    given = yaml.safe_load(text_of(PROJECT / "config.yaml"))
    assert set(given) <= set(Settings.model_fields)
    Settings(**given)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_mentioned(command: str) -> None:
    pages = " ".join(" ".join(map(text_of, PAGES)).split())
    assert f"person-count {command}" in pages


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_is_explained_in_help_or_pages(command: str) -> None:
    pages = " ".join(map(text_of, PAGES))
    for parameter in COMMANDS[command].params:
        if getattr(parameter, "hidden", False) or not parameter.opts[0].startswith("--"):
            continue
        mentioned = any(option in pages for option in parameter.opts)
        assert mentioned or parameter.help, f"{command} {parameter.opts}"


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda parameter: parameter.name)
def test_every_parameter_of_a_question_is_an_option_and_in_every_description(
    parameter: Parameter, settings: Settings
) -> None:
    options = {option.name: option for option in COMMANDS["count"].params}
    assert options[parameter.name].help == parameter.english
    document = describe(HANDLERS, settings)
    for path in ("/person_count", "/persons"):
        found = {one["name"]: one for one in document["paths"][path]["get"]["parameters"]}
        assert found[parameter.name]["description"] == parameter.english
        assert found[parameter.name]["x-description-zh"] == parameter.chinese
    assert parameter.name in document["components"]["schemas"]["Question"]["properties"]
    assert parameter.name in document["components"]["schemas"]["Persons"]["properties"]
    for page in PROJECT.glob("README*.md"):
        assert re.search(rf"`{parameter.name}[=`]", text_of(page)), page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = [link.partition("#")[0] for link in LINK.findall(text_of(page))]
    relative = [target for target in targets if target and "://" not in target]
    missing = [target for target in relative if not (page.parent / target).exists()]
    assert missing == []


def anchors_of(page: Path) -> set[str]:
    """What a heading of the page is linked by, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_into_a_page_leads_to_a_heading(page: Path) -> None:
    for link in LINK.findall(text_of(page)):
        target, _, anchor = link.partition("#")
        if anchor and "://" not in link:
            assert anchor in anchors_of(page.parent / target if target else page), link


def called_in(page: Path) -> list[str]:
    """The words after `person-count` in code: fenced blocks and `…`."""
    text = text_of(page)
    code = re.findall(r"```.*?```", text, re.DOTALL)
    code += re.findall(r"`[^`\n]+`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [call for part in code for call in re.findall(r"person-count ([a-z][^`\n#]*)", part)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_in_the_pages_exists_with_its_options(page: Path) -> None:
    for call in called_in(page):
        if call.startswith("&& cd"):
            continue
        words = call.split()
        name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in COMMANDS), "")
        assert name, f"person-count {call}"
        given = COMMANDS[name].params
        options = {text for one in given for text in (*one.opts, *one.secondary_opts)}
        used = {word.partition("=")[0] for word in words if re.match(r"--\w", word)}
        assert used <= options | {"--help"}, f"person-count {call}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_in_the_pages_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(PROJECT / "Makefile"), re.MULTILINE))
    named = re.findall(r"(?:`|\$ |: )make ([a-z-]+)", text_of(page))
    assert set(named) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_linkage_and_choice_of_faces_in_a_page_is_complete(page: Path) -> None:
    """Lists such as `linkage=a|b` are the whole list."""
    for name, listed in re.findall(r"\b(linkage|faces)=([a-z]+(?:\|[a-z]+)+)", text_of(page)):
        setting = "counted_faces" if name == "faces" else name
        kind = type(Settings.model_fields[setting].default)
        assert set(listed.split("|")) == {str(choice) for choice in kind}, f"{name}={listed}"


def test_every_test_that_the_pages_name_exists() -> None:
    named = {
        (file, name)
        for page in PAGES
        for file, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text_of(page))
    }
    assert named
    for file, name in sorted(named):
        text = text_of(PROJECT / file)
        assert not name or re.search(
            rf"^ *(?:async )?(?:def|class) {name}\b", text, re.MULTILINE
        ), name


def test_reliability_says_of_every_crash_point_that_it_is_held() -> None:
    from tests.crash.points import POINTS  # noqa: PLC0415 - only here

    page = text_of(PROJECT / "docs" / "reliability.md")
    assert sum(map(int, re.findall(r"\| (\d+) points? held", page))) == len(POINTS)


def test_every_row_of_reliability_names_a_test_and_a_result() -> None:
    page = text_of(PROJECT / "docs" / "reliability.md")
    rows = [row.split(" | ") for row in re.findall(r"^\| (?!fault)(.+) \|$", page, re.MULTILINE)]
    faults = [row for row in rows if len(row) == 4]  # the soak's table has more columns
    assert len(faults) > 20
    for row in faults:
        _, _, test, result = row
        assert "tests/" in test or "the same" in test, row
        assert result
