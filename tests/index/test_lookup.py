"""Statements with IN lists, compiled once."""

import pytest
from sqlalchemy import select
from sqlalchemy.sql import Select

from index.database import Database
from index.schema import File
from index.store.lookup import LENGTHS, Lookup


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
