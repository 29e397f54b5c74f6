"""Runs as plain rows for spreadsheets and scripts: one a repetition, columns as in lab.analysis.run.frame."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from lab.analysis.exchange.writers.anonymise import hostless, public_setting
from lab.analysis.points.settings import settings_of
from lab.analysis.run.frame import columns, empty_cells, rows
from lab.core.terminal import json_text
from lab.core.text import printable
from lab.formats.run_record import RunRecord

FORMULA = tuple("=+-@＝＋－＠")  # what a spreadsheet begins to compute at, blanks before it or not


def document(found: Any) -> str:
    """Return one JSON document as text."""
    return json_text(found, indent=2) + "\n"


def csv_text(records: Sequence[RunRecord]) -> str:
    """Return the rows with a header; what was not measured is empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns(), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _spelled(value) for name, value in row.items()} for row in _rows(records))
    return out.getvalue()


def jsonl_text(records: Sequence[RunRecord]) -> str:
    """Return the rows as JSON, one a line; what was not measured is null."""
    return "".join(json_text(row) + "\n" for row in _rows(records))


def _rows(records: Sequence[RunRecord]) -> Iterator[dict[str, Any]]:
    names = columns()
    for record in records:
        public = {name: public_setting(name, text) for name, text in settings_of(record)}
        settings = {"settings": json.dumps(public)}
        for full in (*rows(record), *empty_cells(record)):
            row = {name: full[name] for name in names}  # no lists of raw samples: they have no place in a table
            yield {**row, **settings, "reason": hostless(row["reason"], record) if row["reason"] else None}


def _spelled(value: Any) -> Any:
    """Text fit for a terminal; what a spreadsheet would take for a formula is made something that it does not."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text
