"""A cell in all detail, as renderables: each picture with its numbers beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.boards.cell_text import cut, value_words
from lab.analysis.boards.detail import CellDetail, Sample
from lab.analysis.boards.histogram import Histogram
from lab.analysis.boards.position import Position
from lab.core.text import clipped, printable
from lab.core.units import human_seconds
from lab.views.pictures import sparkline
from lab.views.runs.cell_pictures import itl_table, share
from lab.views.table import CAUTION, FAINT, left, right, spaced, table
from lab.views.units import mebibytes

BAR = "█"


def detail_view(found: CellDetail, width: int, which: str = "") -> RenderableType:
    """Render everything that the run says of the cell, for `width` columns; `which` of its runs it is."""
    parts = [
        _head(found, which),
        _section("SAMPLES, in the order they ran", _samples(found, width)),
        _section("INTER-TOKEN LATENCY", _latency(found.itl, width)),
        _section("MEMORY OVER TIME", _memory(found, width)),
        _section("TEMPERATURE AND CLOCK OVER TIME", _traces(found, width)),
        _section("ROOFLINE", _roofline(found.positions, width)),
        _section("WHAT DIFFERS FROM THE BASELINE", _environment(found, width)),
    ]
    return spaced(parts)


def _section(title: str, body: RenderableType) -> RenderableType:
    return Group(Text(title, "bold"), body)


def _head(found: CellDetail, which: str) -> RenderableType:
    name = f"run {printable(found.run_id)} of {printable(found.created_at)}, {found.status.replace('_', ' ')}"
    lines = [Text(f"{name}: {which}" if which else name)]
    lines += [Text(clipped(found.reason), CAUTION)] if found.reason else []
    return Group(*lines, *(Text(f"! {clipped(flag)}", CAUTION) for flag in found.flags))


def _samples(found: CellDetail, width: int) -> RenderableType:
    rows = [[str(one.order), *_bar(one, found, width)] for one in found.samples]
    columns = [right("order"), right("value"), left("", fold=False)]
    baseline = [one.value for one in found.baseline_samples if one.value is not None]
    below = [_baseline(found, baseline)] if baseline else []
    return Group(table(columns, rows) if rows else Text("none", FAINT), *below)


def _baseline(found: CellDetail, values: Sequence[float]) -> Text:
    ends = " to ".join(value_words(found.key.metric, one) for one in (min(values), max(values)))
    return Text(f"baseline run {printable(found.baseline_run_id)}: {len(values)} samples, {ends}", FAINT)


def _bar(one: Sample, found: CellDetail, width: int) -> list[str | Text]:
    """The value and a bar from zero; the reason where there is no value."""
    if one.value is None:
        return ["–", Text(cut(f"{one.status.replace('_', ' ')} {printable(one.reason)}", max(width - 30, 20)), CAUTION)]
    most = max(sample.value or 0.0 for sample in found.samples)
    room = max(min(width - 32, 80), 8)
    bar = Text(BAR * round(one.value / most * room) if most > 0 else "", "cyan")
    bar.append(f" {one.slowing}" if one.slowing else "", CAUTION)
    return [value_words(found.key.metric, one.value), bar]


def _latency(found: Histogram | None, width: int) -> RenderableType:
    return Text("no gaps between tokens were recorded") if found is None else itl_table(found, width)


def _memory(found: CellDetail, width: int) -> RenderableType:
    if not found.memory:
        return Text("not recorded", FAINT)
    sizes = [size for _, size in found.memory]
    line = Text(sparkline(sizes, max(width - 4, 20)), "cyan")
    ends = f"{printable(found.memory_counter) or 'resident'}: {mebibytes(int(min(sizes)))} to"
    return Group(line, Text(f"{ends} {mebibytes(int(max(sizes)))} MiB over {human_seconds(found.memory[-1][0])}"))


def _traces(found: CellDetail, width: int) -> RenderableType:
    """Temperatures and clocks of each repetition; what never changed is one fact, and said once."""
    heat = [(one.order, _known(one.die_temp_c)) for one in found.traces]
    clock = [(one.order, _known(one.clock_mhz)) for one in found.traces]
    lines = [*_over_time(heat, "temperature", "°C", width), *_over_time(clock, "clock", "MHz", width)]
    return Group(*lines) if lines else Text("not recorded: the device does not say, or nobody asked", FAINT)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _over_time(
    traces: Sequence[tuple[int, Sequence[float]]], what: str, unit: str, width: int
) -> Iterator[RenderableType]:
    every = [value for _, values in traces for value in values]
    if every and round(min(every)) == round(max(every)):
        yield Text(f"{what} {every[0]:.0f} {unit} throughout")
        return
    for order, values in traces:
        if values:
            line = Text(f"#{order:<3} ").append(sparkline(values, max(width - 40, 12)), "cyan")
            yield line.append(f"  {min(values):.0f} to {max(values):.0f} {unit}")


def _roofline(found: Sequence[Position], width: int) -> RenderableType:
    if not found:
        return Text("not known for this run", FAINT)
    room = max(min(width - 56, 40), 10)
    columns = [left("phase", fold=False), right("op/byte"), right("GOP/s"), right("GB/s"), left("of roof", fold=False)]
    return table(columns, [_position(one, room) for one in found])


def _position(one: Position, room: int) -> list[str | Text]:
    part = share(one.fraction, room, "no roof measured")
    rates = [None if rate is None else rate / 1e9 for rate in (one.ops_per_s, one.bytes_per_s)]
    return [one.phase, *("–" if value is None else f"{value:.1f}" for value in (one.ops_per_byte, *rates)), part]


def _environment(found: CellDetail, width: int) -> RenderableType:
    if not found.baseline_run_id:
        return Text("there is no baseline run", FAINT)
    if not found.environment:
        return Text(f"nothing: run {printable(found.baseline_run_id)} had the same surroundings")
    room = max((width - 34) // 2, 12)
    rows = [[cut(printable(text), room) for text in (one.what, one.baseline, one.here)] for one in found.environment]
    return table([left("", fold=False), left(f"run {printable(found.baseline_run_id)}"), left("this run")], rows)
