"""The speed benchmark's end: one table of at most 80 columns, and where it ran."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from benchmarks.bars import Row
from lab.analysis.flags import run_flags
from lab.formats.run_record import RunRecord
from lab.views.console import to_text
from lab.views.run_facts import roof_words
from lab.views.table import CAUTION, left, pairs, right, spaced, table
from lab.views.units import gigabytes_per_s, mebibytes, number, percent

WIDTH = 80
_WORDS = """\
In tok/s, GB/s, MiB (VmHWM) and seconds. Result: lab / llama.cpp, or what part
of the bandwidth measured beside each repetition. @N: N tokens in the cache.
Core taken: by a loop in another process, threads as before. Medium: 14 billion
weights."""


def render(rows: Sequence[Row], records: Sequence[RunRecord], command: str, date: str) -> str:
    """Render the rows, what to know before believing them, and the circumstances."""
    title = Text("lab beside llama.cpp at 4 bits: medians of sessions in which they took turns")
    columns = [left("What", fold=False), right("lab"), right("llama.cpp"), right("Result"), right("95 %"), right("Bar")]
    shown = table([*columns, right("Stretch"), left("Reached", fold=False)], [_row(row) for row in rows])
    flags = dict.fromkeys(f"! {flag.text}" for record in records for flag in run_flags(record))
    parts: list[RenderableType] = [title, shown, Text(_WORDS), *([Text("\n".join(flags), CAUTION)] if flags else [])]
    return to_text(spaced([*parts, pairs(_facts(records, command, date))]), WIDTH)


def _row(row: Row) -> list[str]:
    ours, theirs = (_amount(value, row.of) for value in (row.ours, row.theirs))
    limits = [_value(value, row.bar.unit) for value in (row.value, row.bar.bar, row.bar.stretch)]
    interval = "–" if row.interval is None else "–".join(map(number, row.interval))
    return [row.bar.what, ours, theirs, limits[0], interval, *limits[1:], row.reached]


def _amount(value: float | None, unit: str) -> str:
    return {"B": mebibytes, "B/s": gigabytes_per_s}.get(unit, number)(value)


def _value(value: float, unit: str) -> str:
    if unit == "1":
        return percent(value)
    return number(value)


def _facts(records: Sequence[RunRecord], command: str, date: str) -> Iterator[tuple[str, str]]:
    facts = records[0].device.facts
    yield "Ran on", f"{facts.get('cpu_model') or 'an unnamed processor'}, {facts.get('cores')} cores, on {date}"
    yield "Engines", "; ".join(dict.fromkeys(_engine(record) for record in records))
    yield "Roof", roof_words(records[0])
    yield "Runs", ", ".join(record.run_id for record in records)
    yield "Command", command


def _engine(record: RunRecord) -> str:
    return f"{record.engine.name}: {record.engine.effective or 'unknown'}, {record.engine.threads} threads"
