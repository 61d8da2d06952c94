"""docs/architecture.md names rooms, rules, files and functions that there are."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from index.database.schema import Base

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
PICTURE, LAYERS = re.findall(r"^```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
SIDES = ("index", "ingest", "service")
NAMED = re.findall(r"\[`([\w.]+)`\]\(\.\./([\w/]+\.py)\)", PAGE)
ROWS_TO_CHANGE = (
    "an image format", "the recogniser", "the database engine", "a request parameter",
    "a page panel", "a metric", "a setting", "a command",
)  # fmt: skip


def section(title: str) -> str:
    return re.split(r"^##+ ", PAGE.partition(f" {title}\n")[2], flags=re.MULTILINE)[0]


def rooms(side: str) -> set[str]:
    """Sub-packages, the page's folder, and modules that stand beside them."""
    found = {path.name for path in (PROJECT / side).iterdir() if not path.name.startswith("__")}
    return {f"{side}/{name}" for name in found}


@pytest.mark.parametrize("side", SIDES)
def test_every_room_is_in_the_table_and_in_the_picture(side: str) -> None:
    listed = re.findall(r"^\| `(\w+/[\w.]+)` \|", section("Rooms"), re.MULTILINE)
    assert {room for room in listed if room.startswith(f"{side}/")} == rooms(side)
    drawn = set(re.findall(r"[\w.]+", PICTURE))
    assert {room.partition("/")[2] for room in rooms(side)} <= drawn


def test_the_order_of_the_rooms_is_that_of_the_contracts() -> None:
    tool = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    contracts = [contract for contract in tool["contracts"] if contract["type"] == "layers"]
    written = [f"{side}: {' > '.join(order)}" for side, order in map(order_of, contracts)]
    assert [" ".join(line.split()) for line in LAYERS.splitlines()] == written


def order_of(contract: dict[str, list[str]]) -> tuple[str, list[str]]:
    (side,) = contract["containers"]
    return side, contract["layers"]


def test_the_page_names_every_table() -> None:
    listed = re.findall(r"^\| (`.+`) \|", section("What is in the database"), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(listed))) == set(Base.metadata.tables)


def names_in(body: list[ast.stmt], prefix: str = "") -> set[str]:
    """Functions, classes and constants, those of classes as Class.name."""
    found: set[str] = set()
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(prefix + name)
            case ast.ClassDef(name=name):
                found |= {prefix + name} | names_in(statement.body, f"{prefix}{name}.")
            case ast.Assign(targets=targets):
                found |= {prefix + one.id for one in targets if isinstance(one, ast.Name)}
            case _:
                pass
    return found


@pytest.mark.parametrize(("name", "file"), sorted(set(NAMED)))
def test_what_is_named_exists_where_its_link_leads(name: str, file: str) -> None:
    if file.endswith(f"/{name}") or file == name:
        assert (PROJECT / file).is_file()
    else:
        assert name in names_in(ast.parse((PROJECT / file).read_text(encoding="utf-8")).body)


@pytest.mark.parametrize("walk", ["A question", "A file", "A vector"])
def test_each_walk_names_functions_on_its_way(walk: str) -> None:
    (title,) = re.findall(rf"^### ({walk}.+)$", PAGE, re.MULTILINE)
    steps = re.findall(r"^\| \[`([\w.]+)`\]\(\.\./[\w/]+\.py\)", section(title), re.MULTILINE)
    assert len(steps) > 8


@pytest.mark.parametrize("change", ROWS_TO_CHANGE)
def test_every_change_starts_at_a_file(change: str) -> None:
    (start,) = re.findall(
        rf"^\| {change} \| ([^|]+) \|", section("To change X, start at Y"), re.MULTILINE
    )
    targets = re.findall(r"\]\(\.\./([\w./]+)\)", start)
    assert targets
    assert all((PROJECT / target).exists() for target in targets)
