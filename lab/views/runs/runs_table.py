"""`lab runs` for people: one line a run, newest last, with the numbers of its first test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from lab.analysis.listing import RunLine
from lab.analysis.run.flags import DOUBTS
from lab.store import BadRun
from lab.views.runs.facts import OURS
from lab.views.table import BAD, ended, left, long_table, right, spaced, table
from lab.views.units import number

MARKS = {
    "made_up": "made up",
    "synthetic": "synthetic",
    "layers": "part",
    "emulated": "emulated",
    "fell_back": "fell back",
    "cpu_device": "on a CPU",
}
GAP = 2


@dataclass(frozen=True, kw_only=True)
class _Column:
    """One column: its heading and what it says of a run.

    A `rate` is a number of tokens a second. While a line is too long, columns go in the order of `gives_way`; 0 stays.
    """

    title: str
    text: Callable[[RunLine], str | Text]
    rate: bool = False
    folds: bool = True
    gives_way: int = 0


def runs_table(runs: Sequence[RunLine], bad: Sequence[BadRun], width: int, nothing: str) -> RenderableType:
    """The runs as a table, or `nothing` where there are none; then every file that could not be read, and why."""
    unreadable = [Text(f"unreadable: {one.said}", BAD) for one in bad]
    listed = _table(runs, width) if runs else Text(nothing)
    return spaced([listed, *unreadable])


def _table(runs: Sequence[RunLine], width: int) -> RenderableType:
    lines = [[column.text(run) for column in COLUMNS] for run in runs]
    widths = [_width(title, [line[place] for line in lines]) for place, title in enumerate(TITLES)]
    kept = _that_fit(widths, width)
    columns = [
        right(TITLES[place]) if COLUMNS[place].rate else left(TITLES[place], fold=COLUMNS[place].folds)
        for place in kept
    ]
    rows = [[line[place] for place in kept] for line in lines]
    if _total(widths, kept) > width:
        return table(columns, rows)
    return long_table(columns, rows, [widths[place] for place in kept])


def _width(title: str, cells: Sequence[str | Text]) -> int:
    texts = {*title.split("\n"), *(str(cell) for cell in cells)}
    return max(map(cell_len, texts))


def _total(widths: Sequence[int], kept: Sequence[int]) -> int:
    return sum(widths[place] + GAP for place in kept) - GAP


def _that_fit(widths: Sequence[int], width: int) -> list[int]:
    """Places of the columns that a line of `width` has room for."""
    kept = list(range(len(COLUMNS)))
    for place in sorted((one for one in kept if COLUMNS[one].gives_way), key=lambda one: COLUMNS[one].gives_way):
        if _total(widths, kept) > width:
            kept.remove(place)
    return kept


def _labels(run: RunLine) -> str:
    return ", ".join(MARKS.get(code, code) for code in run.labels if code in MARKS or code in DOUBTS)


def _model(run: RunLine) -> str:
    return run.model if run.engine in (OURS, "") else f"{run.model} in {run.engine}"


def _test(run: RunLine) -> str:
    return run.test + (f" +{run.tests - 1}" if run.tests > 1 else "") if run.tests else "none"


COLUMNS = (
    _Column(title="Run", text=lambda run: run.run_id, folds=False),
    _Column(title="Target", text=lambda run: run.target, gives_way=3),
    _Column(title="Model", text=_model),
    _Column(title="Test", text=_test, gives_way=1),
    _Column(title="Prefill", text=lambda run: number(run.prefill), rate=True, gives_way=2),
    _Column(title="Decode", text=lambda run: number(run.decode), rate=True),
    _Column(title="Status", text=lambda run: ended(run.status, run.lost, run.tests)),
    _Column(title="Labels", text=_labels, gives_way=4),
)
TITLES = tuple(f"{one.title}\ntok/s" if one.rate else one.title for one in COLUMNS)
