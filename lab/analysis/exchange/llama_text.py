"""The rows of llama-bench's output in its four machine-readable formats, as plain columns."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from lab.analysis.exchange.sql import sql_rows
from lab.core.errors import ForeignFileError
from lab.core.jsonio import MOST_DIGITS, parse_json

Row = dict[str, Any]


def json_rows(text: str, file: str) -> list[Row]:
    """Return the rows of `-o json`: one list of objects."""
    found = parse_json(text, where=file, error=ForeignFileError, max_digits=MOST_DIGITS)
    if not isinstance(found, list):
        raise ForeignFileError(f"{file}: expected a list of rows")
    return [_object(one, file, number) for number, one in enumerate(found, 1)]


def jsonl_rows(text: str, file: str) -> list[Row]:
    """Return the rows of `-o jsonl`: one object a line."""
    lines = [line for line in text.splitlines() if line.strip()]
    parsed = [
        parse_json(line, where=f"{file}: row {i}", error=ForeignFileError, max_digits=MOST_DIGITS)
        for i, line in enumerate(lines, 1)
    ]
    return [_object(one, file, number) for number, one in enumerate(parsed, 1)]


def csv_rows(text: str, file: str) -> list[Row]:
    """Return the rows of `-o csv`; a header line that comes again begins another output, appended to the first."""
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        lines = [line for line in reader if line]
    except csv.Error as problem:
        raise ForeignFileError(f"{file}: row {reader.line_num - 1}: not valid CSV: {problem}") from problem
    header, rows = lines[0], []
    for number, line in enumerate(lines[1:], 1):
        if line[: len(FIRST)] == list(FIRST):
            header = line
        else:
            rows.append(_row(header, line, file, number))
    return rows


def table_rows(text: str, file: str) -> list[Row]:
    """Return the rows of `-o sql`."""
    return sql_rows(text, file)


FIRST = ("build_commit", "build_number")  # the columns that every version begins with


def _row(header: Sequence[str], line: Sequence[str], file: str, number: int) -> Row:
    if len(line) != len(header):
        raise ForeignFileError(
            f"{file}: row {number}: {len(line)} values for {len(header)} columns", hint="was the file cut short?"
        )
    if len(set(header)) != len(header):
        raise ForeignFileError(f"{file}: a column stands twice in its header")
    return {name: value for name, value in zip(header, line, strict=True) if value != ""}


def _object(found: object, file: str, number: int) -> Row:
    if not isinstance(found, dict):
        raise ForeignFileError(f"{file}: row {number}: expected an object, got {json.dumps(found)[:60]}")
    return found
