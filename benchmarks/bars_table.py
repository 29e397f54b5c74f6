"""The speed benchmark's end: a table for each peer and kind of machine, of at most 80 columns, and where it ran."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text

from benchmarks.bars import NOT_HERE, Row
from benchmarks.machine import this_machine
from lab.analysis.run.flags import run_flags
from lab.formats.run.engine import VariantUsed
from lab.formats.run_record import RunRecord
from lab.views.console import to_text
from lab.views.runs.facts import roof_words
from lab.views.table import CAUTION, left, pairs, right, spaced, table
from lab.views.units import gigabytes_per_s, mebibytes, number, percent

WIDTH = 80
_WORDS = """\
In tok/s, GB/s, MiB (VmHWM) and seconds. Result: lab / peer (first token: peer /
lab), or what part of the bandwidth measured beside each repetition. @N: N
tokens in the cache. Core taken: by a loop in another process, threads as
before. Medium: 14 billion weights."""


def render(rows: Sequence[Row], records: Sequence[RunRecord], command: str, date: str) -> str:
    """Render the rows, what to know before believing them, and the circumstances."""
    title = Text("lab and its peers at 4 bits: medians of sessions in which they took turns")
    judged = sorted((row for row in rows if row.value is not None), key=lambda row: row.group)
    parts: list[RenderableType] = [title, *(_table(group, list(of)) for group, of in groupby(judged, _group))]
    parts += [_absent([row for row in rows if row.value is None])] if len(judged) < len(rows) else []
    flags = dict.fromkeys(f"! {flag.text}" for record in records for flag in run_flags(record))
    flags |= dict.fromkeys(_fewer_threads(records))
    parts += [Text(_WORDS), *([Text("\n".join(flags), CAUTION)] if flags else [])]
    return to_text(spaced([*parts, pairs(_facts(records, command, date))]), WIDTH)


def _fewer_threads(records: Sequence[RunRecord]) -> Iterator[str]:
    """Warn of engines that found fewer threads faster: they were tried while something else ran, or it is no use."""
    most = max((record.engine.threads for record in records), default=0)
    for record in records:
        if record.engine.threads < most:
            name, threads = record.engine.name, record.engine.threads
            yield f"! {name} ran with {threads} of {most} threads, which was faster when tried: was the machine quiet?"


def _group(row: Row) -> str:
    return row.group


def _table(group: str, rows: Sequence[Row]) -> RenderableType:
    columns = [left("What", fold=False), right("lab"), right("peer"), right("Result"), right("95 %"), right("Bar")]
    shown = table([*columns, right("Stretch"), left("Reached", fold=False)], [_row(row) for row in rows])
    return Group(Text(group[:1].upper() + group[1:]), shown)


def _absent(rows: Sequence[Row]) -> RenderableType:
    """What cannot be judged here: a line a bar, and the reasons by number under them."""
    reasons = list(dict.fromkeys(row.why for row in rows))
    shown = [[f"{row.bar.what}, {row.group}", *_limits(row), str(reasons.index(row.why) + 1)] for row in rows]
    listed = table([left(NOT_HERE.capitalize()), right("Bar"), right("Stretch"), right("Why")], shown)
    return Group(listed, Text("\n".join(f"{number}: {why}" for number, why in enumerate(reasons, start=1))))


def _row(row: Row) -> list[str]:
    ours, theirs = (_amount(value, row.of) for value in (row.ours, row.theirs))
    interval = "–" if row.interval is None else "–".join(map(number, row.interval))
    return [row.bar.what, ours, theirs, _value(row.value, row.bar.unit), interval, *_limits(row), row.reached]


def _limits(row: Row) -> list[str]:
    return [_value(value, row.bar.unit) for value in (row.bar.bar, row.bar.stretch)]


def _amount(value: float | None, unit: str) -> str:
    return {"B": mebibytes, "B/s": gigabytes_per_s}.get(unit, number)(value)


def _value(value: float | None, unit: str) -> str:
    if unit == "1":
        return percent(value)
    return number(value)


def _facts(records: Sequence[RunRecord], command: str, date: str) -> Iterator[tuple[str, str]]:
    if records:
        facts = records[0].device.facts
        yield "Ran on", f"{facts.get('cpu_model') or 'an unnamed processor'}, {facts.get('cores')} cores, on {date}"
        yield "Engines", "; ".join(dict.fromkeys(_engine(record) for record in records))
        yield "Roof", roof_words(records[0])
        yield "Runs", ", ".join(record.run_id for record in records)
    else:
        yield "Ran on", f"{this_machine().model or 'an unnamed processor'}, on {date}"
    yield "Command", command


def _engine(record: RunRecord) -> str:
    engine = record.engine
    return f"{engine.name}: {engine.effective or 'unknown'}, {engine.threads} threads{_variant(record)}"


def _variant(record: RunRecord) -> str:
    """What won of ik_llama.cpp's weights, for prefill and for decode."""
    used = record.engine.variant
    return f", prefill {_one(used.prefill)}, decode {_one(used.decode)}" if used else ""


def _one(used: VariantUsed) -> str:
    flash = f" -fa {used.flash}" if used.flash else ""
    return f"{used.weights}{' -rtr' if used.repack else ''}{flash}"
