"""Statements with IN lists: compiled once, and answered from the index of their own column."""

import pkgutil
from collections.abc import Sequence
from importlib import import_module

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.sql import Select

from index.database import queries
from index.database.engine import Database
from index.database.engines.statements import fetch_all
from index.database.queries.lookup import LENGTHS, Lookup
from index.database.schema import File

LOOKUPS = {
    f"{module.name}.{name}": value
    for module in pkgutil.iter_modules(queries.__path__)
    for name, value in vars(import_module(f"index.database.queries.{module.name}")).items()
    if isinstance(value, Lookup)
}


def test_each_lookup_is_compiled_once_for_each_length(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[object] = []
    compile_anew = Select.compile

    def counted(self: Select[tuple[str]], *given: object, **named: object) -> object:
        compiled.append(self)
        return compile_anew(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Select, "compile", counted)
    lookups = [Lookup(File.path, select(File.path)) for _ in range(5)]
    for _ in range(3):
        with database.read() as connection:
            for lookup in lookups:
                for length in LENGTHS:
                    assert lookup.rows(connection, ["/a"] * length) == []
    assert len(compiled) == len(lookups) * len(LENGTHS)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", sorted(LOOKUPS))
def test_no_lookup_goes_through_all_that_a_generation_has(
    database: Database, monkeypatch: pytest.MonkeyPatch, name: str, length: int
) -> None:
    steps: list[str] = []

    def explain(connection: Connection, text: str, given: Sequence[object]) -> list[object]:
        steps.extend(row[3] for row in fetch_all(connection, f"EXPLAIN QUERY PLAN {text}", given))
        return []

    monkeypatch.setattr("index.database.queries.lookup.fetch_all", explain)
    with database.read() as connection:
        LOOKUPS[name].rows(connection, [1] * length, generation=1)
    assert steps
    steps = [step for step in steps if step != "SCAN generations"]  # of which there are a few
    assert [step for step in steps if "SCAN" in step or "(generation_id=?)" in step] == []
