"""`lab show`: the numbers of a run, then pictures of each test, the roofline, the environment and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.boards.histogram import histogram
from lab.analysis.boards.position import positions
from lab.analysis.run.summary import CellSummary, finished, summarise
from lab.core.text import clipped
from lab.formats.run_record import Cell, RunRecord
from lab.formats.test import Test
from lab.views.runs.cell_pictures import (
    ITL_BINS,
    itl_table,
    roofline_rows,
    roofline_table,
    series_of_many,
    series_table,
)
from lab.views.runs.environment import environment
from lab.views.runs.facts import roofs_in_short
from lab.views.runs.gpu_facts import gpu_lines, profile_tables
from lab.views.runs.raw_page import RAW, raw_section
from lab.views.runs.run_table import evidence, heading, marked, number_tables, time_lines
from lab.views.runs.warnings import of_cells, of_run, warning_lines
from lab.views.table import FAINT, pairs, spaced

TESTS_WITH_PICTURES = 3  # of more tests the distributions have no room: --section itl has them
ENOUGH_GAPS = 20


@dataclass(frozen=True)
class Run:
    """A record, what its numbers come to, and the width that there is for it."""

    record: RunRecord
    cells: Sequence[CellSummary]
    width: int


def run_page(record: RunRecord, width: int) -> RenderableType:
    """Render what a person asks of one run, for `width` columns; --raw has everything."""
    run = Run(record, summarise(record), width)
    parts = [heading(record), *_numbers(run), *_tests(run), *_roofline(run), *_environment(run), *_warnings(run)]
    return spaced([*parts, *time_lines(record)])


def run_sections(record: RunRecord, names: Sequence[str], width: int) -> RenderableType:
    """Render those of SECTIONS, in that order."""
    run = Run(record, summarise(record), width)
    return spaced([part for name in names for part in _section(run, name)])


def _section(run: Run, name: str) -> list[RenderableType]:
    parts = raw_section(run.record, name) if name in RAW else list(PICTURES[name](run))
    return parts or [Text(f"{name}: nothing was recorded")]


def _numbers(run: Run) -> Iterator[RenderableType]:
    yield from number_tables(run.cells, run.width)


def _tests(run: Run) -> Iterator[RenderableType]:
    """All series of each test, and how its gaps are spread; of many tests the series that matter most."""
    if len(run.cells) <= TESTS_WITH_PICTURES:
        for cell in run.record.cells:
            yield from _series(cell, run.width)
            yield from _spread_of_gaps(cell, run.width)
            yield from _profiles(cell)
        return
    if any(finished(cell) for cell in run.record.cells):
        yield series_of_many(run.record.cells, run.width)
    yield from (part for cell in run.record.cells for part in _profiles(cell))
    yield Text(f"lab show {run.record.run_id} --section series,itl has the pictures of each test", FAINT)


def _series(cell: Cell, width: int) -> Iterator[RenderableType]:
    if finished(cell):
        yield series_table(cell, width)


def _profiles(cell: Cell) -> Iterator[RenderableType]:
    for title, body in profile_tables(cell):
        yield Group(Text(f"{title} of {Test.of(cell).label}", "bold"), body)


def _spread_of_gaps(cell: Cell, width: int) -> Iterator[RenderableType]:
    gaps = [gap for one in finished(cell) for gap in one.itl_s or ()]
    found = histogram(gaps, ITL_BINS)
    if found is not None and len(gaps) >= ENOUGH_GAPS and found.max_s > found.edges_s[0]:
        label = Test.of(cell).label
        title = Text.assemble((f"{label}: gaps between tokens in ms", "bold"), (f", {len(gaps)} of them", FAINT))
        yield Group(title, itl_table(found, width))


def _all_gaps(run: Run) -> Iterator[RenderableType]:
    for cell in run.record.cells:
        yield from _spread_of_gaps(cell, run.width)


def _roofline(run: Run) -> Iterator[RenderableType]:
    rows = [
        row
        for cell, summary in zip(run.record.cells, run.cells, strict=True)
        for row in roofline_rows(marked(summary), positions(run.record, cell, summary), run.width)
    ]
    measured = [Text(clipped(text), FAINT) for text in (roofs_in_short(run.record),) if text]
    if rows:
        yield Group(roofline_table(rows), *measured)
    else:
        yield from measured


def _environment(run: Run) -> Iterator[RenderableType]:
    lines = [*environment(run.record), *evidence(run.record), *gpu_lines(run.record)]
    yield Group(Text("ENVIRONMENT", "bold"), pairs(lines))


def _warnings(run: Run) -> Iterator[RenderableType]:
    """What holds for single tests: what holds for all of them stands at the top."""
    reasons = [(f"{one.label}: {clipped(one.reason)}", "") for one in run.cells if one.reason and not one.flags]
    if warned := [*of_cells(run.record, run.cells), *reasons]:
        yield warning_lines(warned)


def _all_warnings(run: Run) -> Iterator[RenderableType]:
    if warned := [*of_run(run.record), *of_cells(run.record, run.cells)]:
        yield warning_lines(warned)


PICTURES: dict[str, Callable[[Run], Iterator[RenderableType]]] = {
    "numbers": _numbers,
    "series": lambda run: (part for cell in run.record.cells for part in _series(cell, run.width)),
    "itl": _all_gaps,
    "roofline": _roofline,
    "environment": _environment,
    "warnings": _all_warnings,
}
SECTIONS = (*PICTURES, *RAW)
