"""llama-bench's CSV, also as a data frame writes it: a header line, rows below it, and what a log puts between."""

from __future__ import annotations

import csv
import re
from typing import Any

from lab.analysis.exchange.scanners.items import SHAPE, Item, LeftOut, Row, has_shape
from lab.core.text import said

FORMAT = "llama-bench-csv"
OTHERS = ("{", "[", "|", "INSERT", "CREATE")  # how lines of the other forms begin
QUOTED_LINES = 8  # a value in quotes goes on over so many lines at most
_NUMBER = re.compile(r"-?\d+(\.0*)?")
_NO_NAME = re.compile(r"|index|Unnamed: \d+")  # columns that a data frame adds for its own row numbers


class CsvScan:
    """Takes line by line what belongs to CSV; a header that comes again begins another output."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._header: list[str] = []
        self._between = ","
        self._open: list[str] = []  # lines of a row whose quotes are not closed yet
        self._start = 0
        self._first: str | None = None  # the first value of the last row: a row without quotes is known by it
        self._late: list[Item] = []  # told with the next line that is of CSV

    def take(self, line: str, number: int) -> list[Item] | None:
        """Return what became whole with this line; None where the line is not CSV's."""
        if all(name in line for name in SHAPE) and (header := self._as_header(line)) is not None:
            return [*self.end(), *header]
        if line.lstrip().startswith(OTHERS):
            self._late += (self._row() or []) if self._open else []
            return None
        if not self._header or (self._between not in line and not self._open):
            return None
        whole = bool(self._open) and len(_values(line, self._between) or ()) == len(self._header)
        cut = self.end() if self._late or whole else []
        if not self._open:
            self._start = number
        self._open.append(line)
        if self._goes_on():
            return cut
        row = self._row()
        return row if row is None else [*cut, *row]

    def end(self) -> list[Item]:
        """Return what the file ended in the middle of."""
        late, self._late = self._late, []
        return [*late, *((self._row() or []) if self._open else [])]

    def _lacks_end(self, lines: list[str]) -> bool:
        """Whether all values but the last are in quotes: then the last was cut off."""
        return lines[0].count('"') >= 2 * (len(self._header) - 1) and not lines[-1].rstrip().endswith('"')

    def _goes_on(self) -> bool:
        """Whether a value in quotes has no end yet."""
        first = self._open[0]
        return first.startswith('"') and len(self._open) <= QUOTED_LINES and "\n".join(self._open).count('"') % 2 == 1

    def _as_header(self, line: str) -> list[Item] | None:
        for between in (",", ";", "\t"):
            names = [name.strip() for name in _values(line, between) or []]
            if has_shape(names):
                self._header, self._between = names, between
                twice = len(set(names)) < len(names)
                return [LeftOut(0, "broken", f"{self._file}: a column is twice in its header")] if twice else []
        return None

    def _row(self) -> list[Item] | None:
        lines, self._open = self._open, []
        values = _values("\n".join(lines), self._between)
        if values is not None and len(values) == len(self._header) and not self._lacks_end(lines):
            columns = dict(zip(self._header, values, strict=True))
            if all(_NUMBER.fullmatch(columns[name]) or not columns[name] for name in SHAPE):
                self._first = values[0]
                return [Row(self._start, FORMAT, _said(columns))]
        if not lines[0].startswith('"') and not (values and values[1:] and values[0] == self._first):
            return None if len(lines) == 1 else [LeftOut(self._start, "log", said(lines[0]))]
        count = f"{len(values)} values for {len(self._header)} columns" if values else "a row that does not end"
        return [LeftOut(self._start, "cut", f"{count}: {said(lines[0])[:60]}")]


def _said(columns: dict[str, str]) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if value != "" and not _NO_NAME.fullmatch(name)}


def _values(text: str, between: str) -> list[str] | None:
    """The values of one row; None where it is not valid CSV."""
    try:
        rows = list(csv.reader(text.split("\n"), delimiter=between, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
