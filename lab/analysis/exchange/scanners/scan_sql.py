"""llama-bench's SQL among lines of a log: statements one by one, in groups that SQLite reads.

SQLite knows its own quoting better than any reader of ours. It runs in memory, under an authorizer that lets it make
the one table and put rows into it: no other table, no function, no query, no file, no pragma.
"""

from __future__ import annotations

import math
import re
import sqlite3
from functools import partial
from typing import Any

from lab.analysis.exchange.scanners.items import SHAPE, Item, LeftOut, Row
from lab.core.errors import ForeignFileError
from lab.core.text import printable, said

FORMAT = "llama-bench-sql"
OTHERS = ("{", "[", "|", "build_commit,")  # how lines of the other forms begin
MOST_LINES = 1000  # of one statement
AT_ONCE = 500  # rows that SQLite reads together
_DUMP = re.compile(r"\s*(BEGIN( TRANSACTION)?|COMMIT|PRAGMA foreign_keys=OFF);\s*", re.I)  # around any dump of SQLite
_TABLE = re.compile(r"\s*CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?[\"`]?(\w+)[\"`]?\s*(?:\(|$)", re.I)
_INTO = re.compile(r"\s*INSERT\s+INTO\s+[\"`]?(\w+)[\"`]?\s*(?:\(([\w\s,\"`]+)\))?", re.I)


class SqlScan:
    """Takes line by line what belongs to SQL."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._open: list[str] = []
        self._start = 0
        self._late: list[Item] = []  # told at the end
        self._create = ""
        self._group: list[str] = []
        self._rows = 0
        self._seen = False
        self._known: str | None = ""  # the columns of the last row, which the table has

    def take(self, line: str, number: int) -> list[Item] | None:
        """Return what became whole with this line; None where the line is not SQL's."""
        if self._open and (_INTO.match(line) or _TABLE.match(line)):
            return [self._cut(), *(self.take(line, number) or [])]
        if self._open and line.lstrip().startswith(OTHERS):
            self._late.append(self._cut())
        if not self._open and not self._is_statement(line):
            return None
        if not self._open:
            self._start = number
        if "\0" in line:
            raise ForeignFileError(f"{self._file}: line {number}: a NUL character")
        self._open.append(line)
        if len(self._open) > MOST_LINES:
            return [self._cut()]
        if not line.rstrip().endswith(";") or not sqlite3.complete_statement("\n".join(self._open)):
            return []
        text, self._open, self._seen = "\n".join(self._open), [], True
        return [item for one in _statements(text) for item in self._statement(one)]

    def end(self) -> list[Item]:
        """Return the rows that are still to be read, and what the file ended in the middle of."""
        cut: list[Item] = [self._cut()] if self._open else []
        return [*self._flush(), *self._late, *cut]

    def _is_statement(self, line: str) -> bool:
        if _TABLE.match(line) or _INTO.match(line):
            return True
        return self._seen and line.rstrip().endswith(";") and not _DUMP.fullmatch(line)

    def _statement(self, text: str) -> list[Item]:
        if _TABLE.match(text) and all(name in text for name in SHAPE):
            done = self._flush()
            self._create, self._known = text, ""
            return done
        into = _INTO.match(text)
        done = self._flush() if into and (len(self._group) >= AT_ONCE or not self._has_columns(into)) else []
        if into and not self._has_columns(into):
            self._create = f"CREATE TABLE {into[1]} ({into[2] or ''});"
        self._group.append(text)
        return done

    def _has_columns(self, into: re.Match[str]) -> bool:
        """Whether the table was made with all columns that a row is put into."""
        made = _TABLE.match(self._create)
        columns = set(re.findall(r"\w+", self._create)) if into[2] != self._known else set()
        known = made is not None and made[1].lower() == into[1].lower()
        if known and (into[2] == self._known or all(name in columns for name in re.findall(r"\w+", into[2] or ""))):
            self._known = into[2]
            return True
        self._known = ""
        return False

    def _flush(self) -> list[Item]:
        if not self._group:
            return []
        text, self._group = "\n".join([self._create, *self._group]), []
        rows: list[dict[str, Any]] = sql_rows(text, self._file, self._rows + 1)
        self._rows += len(rows)
        return [Row(self._start, FORMAT, row) for row in rows]

    def _cut(self) -> LeftOut:
        text, self._open = " ".join(self._open[:2]), []
        return LeftOut(self._start, "cut", f"a statement that does not end: {said(text)[:60]}")


def _statements(text: str) -> list[str]:
    """The statements of a text, each with its end; several may stand in one line."""
    found, start = [], 0
    for end in re.finditer(";", text):
        if sqlite3.complete_statement(text[start : end.end()]):
            found.append(text[start : end.end()])
            start = end.end()
    return found


_TABLE_NAME = re.compile(r"\s*CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?[\"`]?(\w+)", re.IGNORECASE)
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
    made = _TABLE_NAME.match(text)
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
