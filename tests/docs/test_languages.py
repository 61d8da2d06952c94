"""README.zh-CN.md says what README.md says, as far as a program can tell."""

import re
from collections import Counter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
HEADINGS = {
    "person-count": "person-count",
    "Install": "安装",
    "Ask": "提问",
    "Look": "查看",
    "Operate": "运维",
    "How good is it?": "有多准?",
    "Privacy": "隐私",
    "More": "更多",
}
FENCED = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
COMMENT = re.compile(r"\s+# .*$", re.MULTILINE)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@pytest.fixture(scope="module")
def english() -> str:
    return (PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def chinese() -> str:
    return (PROJECT / "README.zh-CN.md").read_text(encoding="utf-8")


def headings(text: str) -> list[tuple[int, str]]:
    """Level and words of each heading, in order; Chinese question marks count as ours."""
    found = re.findall(r"^(#+) (.+)$", FENCED.sub("", text), re.MULTILINE)
    return [(len(level), words.replace("\uff1f", "?")) for level, words in found]


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and code of each block; comments of shell sessions may be translated."""
    found = FENCED.findall(text)
    return [(kind, COMMENT.sub("", code) if kind == "console" else code) for kind, code in found]


def prose(text: str) -> str:
    return FENCED.sub("", text)


def test_the_headings_are_the_same_in_number_level_and_order(english: str, chinese: str) -> None:
    expected = [(level, HEADINGS[words]) for level, words in headings(english)]
    assert headings(chinese) == expected


def test_every_command_and_example_is_the_same(english: str, chinese: str) -> None:
    assert blocks(chinese) == blocks(english)


def test_comments_of_commands_are_translated_one_by_one(english: str, chinese: str) -> None:
    told = [Counter(kind for kind, code in FENCED.findall(text)) for text in (english, chinese)]
    assert told[0] == told[1]
    for (_, ours), (_, theirs) in zip(
        FENCED.findall(english), FENCED.findall(chinese), strict=True
    ):
        assert len(COMMENT.findall(ours)) == len(COMMENT.findall(theirs))


def test_names_in_code_and_links_are_the_same(english: str, chinese: str) -> None:
    for pattern in (r"`([^`\n]+)`", r"\]\((docs/[^)]+|C[A-Z]+[^)]*)\)"):
        found = [Counter(re.findall(pattern, prose(text))) for text in (english, chinese)]
        assert found[0] == found[1]


def test_every_figure_is_the_same(english: str, chinese: str) -> None:
    found = [Counter(NUMBER.findall(prose(text))) for text in (english, chinese)]
    assert found[0] == found[1]


def test_rows_of_tables_and_points_of_lists_are_as_many(english: str, chinese: str) -> None:
    for pattern in (r"^\|.*\|$", r"^- "):
        found = [len(re.findall(pattern, prose(text), re.MULTILINE)) for text in (english, chinese)]
        assert found[0] == found[1]


def test_each_shows_the_page_in_its_language_for_light_and_dark(english: str, chinese: str) -> None:
    for text, language in ((english, "en"), (chinese, "zh")):
        shown = re.findall(r'(?:src|srcset)="(docs/images/[^"]+)"', text)
        assert shown == [
            f"docs/images/page-{language}-{scheme}.png" for scheme in ("dark", "light")
        ]
        assert all((PROJECT / image).is_file() for image in shown)


def test_each_leads_to_the_other(english: str, chinese: str) -> None:
    assert "(README.zh-CN.md)" in english
    assert "(README.md)" in chinese
