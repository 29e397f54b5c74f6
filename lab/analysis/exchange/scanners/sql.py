"""llama-bench's SQL, read by SQLite itself in a database that exists for a moment and can do one thing.

SQLite knows its own quoting better than any reader of ours. It runs in memory, under an authorizer that lets it make
the one table and put rows into it: no other table, no function, no query, no file, no pragma.
"""

from __future__ import annotations

import math
import re
import sqlite3
from functools import partial
from typing import Any

from lab.core.errors import ForeignFileError
from lab.core.text import printable, said

_TABLE = re.compile(r"\s*CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?[\"`]?(\w+)", re.IGNORECASE)
STEPS = 50_000_000  # of SQLite's machine: minutes of work, where a row takes a thousand
_MAKING = {sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_INSERT}
_CATALOGUE = {"sqlite_master"}  # where SQLite notes that the table is there
_NOTING = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_READ, sqlite3.SQLITE_UPDATE}


def sql_rows(text: str, file: str, first: int = 1) -> list[dict[str, Any]]:
    """Return the rows that the statements would put into their one table, which comes first; NULL columns are left out.

    The table is called `llama_bench`, before August 2025 `test`, and in the databases of others as they like. `first`
    is the number of the first row, for messages.
    """
    if "\0" in text:
        raise ForeignFileError(f"{file}: line {text[: text.index(chr(0))].count(chr(10)) + 1}: a NUL character")
    if not sqlite3.complete_statement(text):
        raise ForeignFileError(f"{file}: its last statement does not end", hint="was the file cut short?")
    made = _TABLE.match(text)
    table = made[1] if made else "llama_bench"
    database = sqlite3.connect(":memory:")
    try:
        database.set_authorizer(partial(_may, table))
        database.set_progress_handler(lambda: 1, STEPS)
        database.executescript(text)
        database.set_authorizer(None)
        return _all(database, table, file, first)
    except (sqlite3.Error, ValueError) as problem:
        raise ForeignFileError(
            f"{file}: not what llama-bench -o sql writes: {said(problem)}",
            hint=f"lab reads CREATE TABLE {table} and INSERT INTO {table}, and nothing else",
        ) from problem
    finally:
        database.close()


def _all(database: sqlite3.Connection, table: str, file: str, first: int) -> list[dict[str, Any]]:
    found = database.execute(f'SELECT * FROM "{table}" ORDER BY rowid')
    names = [column[0] for column in found.description]
    rows = [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in found]
    for number, row in enumerate(rows, first):
        _check(row, number, file)
    return rows


def _check(row: dict[str, Any], number: int, file: str) -> None:
    """Raise ForeignFileError for a value that neither JSON nor llama-bench has."""
    for name, value in row.items():
        problem = "a blob, expected text or a number" if isinstance(value, bytes) else None
        if isinstance(value, float) and not math.isfinite(value):
            problem = f"{value} is not a finite number"
        if problem is not None:
            raise ForeignFileError(f"{file}: row {number}, column {printable(name, 60)}: {problem}")


def _may(table: str, action: int, first: str | None, second: str | None, place: str | None, trigger: str | None) -> int:
    ours = action in _MAKING and first == table
    noted = action in _NOTING and first in _CATALOGUE
    allowed = (ours or noted) and place in ("main", None) and trigger is None
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
