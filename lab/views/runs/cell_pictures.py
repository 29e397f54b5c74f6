"""Pictures of one test of a run: every series as min, median, max and a sparkline, and how the gaps are spread."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from rich.console import RenderableType
from rich.table import Column
from rich.text import Text

from lab.analysis.boards.histogram import Histogram
from lab.analysis.boards.position import Position
from lab.analysis.run.summary import finished, samples
from lab.core.units import human_seconds, percent
from lab.formats.metrics import NOT_MEASURED
from lab.formats.run_record import Cell
from lab.formats.test import Test
from lab.views.pictures import bar, sparkline
from lab.views.table import FAINT, left, right, rows_of, table
from lab.views.units import MIB, milliseconds, number

ITL_BINS = 8
WIDE = 76  # below it there is no room for notes
FIXED = 48  # columns of a name and its numbers
OF_MANY = ("decode", "prefill", "gaps (ITL)")
SPARK_MOST, BAR_MOST = 40, 40
DONE, REST = "█", "·"


@dataclass(frozen=True)
class Series:
    """Numbers in the order they were taken, in `unit`; `note` says what they are of."""

    name: str
    unit: str
    values: Sequence[float]
    note: str = ""


def series_table(cell: Cell, width: int) -> RenderableType:
    """Render all series of the cell, which heads the table; one that never changes is said once."""
    found = series(cell)
    count = len(finished(cell))
    times = "1 repetition" if count == 1 else f"{count} repetitions, in order" if width >= WIDE else "in order"
    found = found if width >= WIDE else [replace(one, note="") for one in found]
    room = _room(found, width)
    return table([left(Test.of(cell).label, fold=False), *_columns(times)], [_row(one, room) for one in found])


def series_of_many(cells: Sequence[Cell], width: int) -> RenderableType:
    """Render the few series that matter most of many tests in one table."""
    rows = [(Test.of(cell).label, one) for cell in cells for one in series(cell) if one.name in OF_MANY]
    room = _room([one for _, one in rows], width - max((len(label) for label, _ in rows), default=0))
    columns = [left("Test"), left("", fold=False), *_columns("in order")]
    return table(columns, [[label, *_row(one, room)] for label, one in rows])


def _columns(title: str) -> list[Column]:
    numbers = [right("min"), right("median"), right("max")]
    return [*numbers, left("", fold=False), left(title, fold=False)]


def _room(found: Sequence[Series], width: int) -> int:
    """How many columns a sparkline gets beside the numbers and the longest note."""
    return max(min(width - FIXED - max((len(one.note) for one in found), default=0), SPARK_MOST), 6)


def series(cell: Cell) -> list[Series]:
    """Return what was recorded: of each finished repetition a number, or all readings while they ran."""
    counted = finished(cell)
    gaps = [gap * 1e3 for one in counted for gap in one.itl_s or ()]
    found = [
        Series("judgement", "ms", [value * 1e3 for value in samples(counted, "judgement_s")]),
        Series("decode", "tok/s", samples(counted, "decode_tok_per_s")),
        Series("prefill", "tok/s", samples(counted, "prefill_tok_per_s")),
        Series("first token", "ms", [value * 1e3 for value in samples(counted, "ttft_s")]),
        Series("load", "ms", [value * 1e3 for value in samples(counted, "load_s")]),
        Series("gaps (ITL)", "ms", gaps),
        *_memory(cell),
        Series("clock", "MHz", _readings(cell, "cpu_mhz")),
        Series("temperature", "°C", _readings(cell, "die_temp_c")),
        Series("power", "W", _readings(cell, "power_w")),
        Series("CPU busy before", "%", _busy(cell)),
    ]
    return [one for one in found if one.values]


def _row(one: Series, room: int) -> list[str | Text]:
    ends = (min(one.values), statistics.median(one.values), max(one.values))
    low, middle, high = map(number, ends)
    if low == high and len(one.values) > 1:
        return [one.name, "", middle, "", one.unit, Text(f"throughout{one.note}", FAINT)]
    picture = Text().append(sparkline(one.values, room) if len(one.values) > 1 else "", "cyan").append(one.note, FAINT)
    return [one.name, low, middle, high, one.unit, picture]


def _memory(cell: Cell) -> Iterator[Series]:
    if cell.memory is not None and cell.memory.samples:
        sizes = [size / MIB for _, size in cell.memory.samples]
        yield Series("memory (RSS)", "MiB", sizes, f" over {human_seconds(cell.memory.samples[-1][0])}")


def _readings(cell: Cell, name: str) -> list[float]:
    """All numbers of one column of what was read while the repetitions ran: others' records may hold anything."""
    columns = [(one.state_during or {}).get(name) for one in cell.repetitions]
    return [
        float(value) for column in columns if isinstance(column, list | tuple) for value in column if _is_number(value)
    ]


def _busy(cell: Cell) -> list[float]:
    shares = (one.gate.busy_fraction for one in cell.repetitions if one.gate)
    return [float(share) * 100 for share in shares if isinstance(share, int | float)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def itl_table(found: Histogram, width: int) -> RenderableType:
    """Render how the gaps are spread: a bar for each bin, percentiles beside the bins they lie in."""
    room = max(min(width - 44, BAR_MOST), 8)
    spans = [f"{_edge(low, found)} to {_edge(high, found)}" for low, high in pairwise(found.edges_s)]
    counts = [*found.counts]
    if found.above:
        spans, counts = [*spans, f"above, to {milliseconds(found.max_s)}"], [*counts, found.above]
    rows: list[list[str | Text]] = [
        [span, f" {count}", _bar(count, max(counts), room, _marks(place, found))]
        for place, (span, count) in enumerate(zip(spans, counts, strict=True))
    ]
    return rows_of([right(""), right(""), left("", fold=False)], rows)


def _marks(place: int, found: Histogram) -> str:
    """The percentiles that lie in a bin; the last edge belongs to the last bin, as numpy counts."""
    shares = (("p50", found.p50_s), ("p90", found.p90_s), ("p99", found.p99_s))
    inside = [(name, value) for name, value in shares if value is not None and _bin(value, found) == place]
    return ", ".join(f"{name} {milliseconds(value)}" for name, value in inside)


def _bin(value_s: float, found: Histogram) -> int:
    """Which bin a gap lies in; one beyond the last for what is above all edges."""
    last = len(found.counts) - 1
    return min(bisect_right(found.edges_s, value_s) - 1, last) if value_s <= found.edges_s[-1] else last + 1


def _bar(count: int, most: int, room: int, marks: str) -> Text:
    text = Text().append(bar(count, most, room), "cyan")  # the bar's colour alone: faint words of it can't be read
    return text.append(f" {marks}" if marks else "", FAINT)


def _edge(value_s: float, found: Histogram) -> str:
    """An edge in milliseconds, with as many digits as tell neighbours apart."""
    step_ms = (found.edges_s[1] - found.edges_s[0]) * 1e3
    digits = max(0, 1 - math.floor(math.log10(step_ms))) if step_ms > 0 else 3
    return f"{value_s * 1e3:.{min(digits, 6)}f}"


def roofline_rows(label: str, found: Sequence[Position], width: int) -> list[list[str | Text]]:
    """Return a row for each phase: what it achieved, and its part of the roof as a bar."""
    room = max(min(width - 58, BAR_MOST), 6)
    return [[label, one.phase, *_rates(one), share(one.fraction, room, NOT_MEASURED)] for one in found]


def roofline_table(rows: Sequence[Sequence[str | Text]]) -> RenderableType:
    """Render the rows of all tests."""
    columns = [left("Test"), left("Phase", fold=False), right("op/byte"), right("GOP/s"), right("GB/s")]
    return table([*columns, left("of roofline", fold=False)], rows)


def _rates(one: Position) -> list[str]:
    rates = [None if rate is None else rate / 1e9 for rate in (one.ops_per_s, one.bytes_per_s)]
    return [number(value) for value in (one.ops_per_byte, *rates)]


def share(fraction: float | None, room: int, unknown: str) -> Text:
    """Render a part of a roof as a bar of `room` columns, and in percent; `unknown` where there is none."""
    if fraction is None:
        return Text(unknown)
    filled = min(round(fraction * room), room)
    return Text(DONE * filled, "cyan").append(f"{REST * (room - filled)} {percent(fraction, 0)}", "")
