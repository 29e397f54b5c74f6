"""`lab runs` for people: one line a run, newest last, with the numbers of its first test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.text import Text

from lab.analysis.run.flags import DOUBTS, run_flags
from lab.analysis.run.summary import CellSummary, summarise
from lab.formats.run_record import RunRecord
from lab.store import BadRun
from lab.views.runs.facts import model_words
from lab.views.table import BAD, left, right, spaced, status_word, table
from lab.views.units import number

MARKS = {
    "synthetic": "synthetic",
    "layers": "part",
    "emulated": "emulated",
    "fell_back": "fell back",
    "cpu_device": "on a CPU",
}
GAP = 2


@dataclass(frozen=True, kw_only=True)
class _Column:
    """One column: its heading and what it says of a run and its cells.

    A `rate` is a number of tokens a second. While a line is too long, columns go in the order of `gives_way`; 0 stays.
    """

    title: str
    text: Callable[[RunRecord, Sequence[CellSummary]], str | Text]
    rate: bool = False
    folds: bool = True
    gives_way: int = 0


def runs_table(records: Sequence[RunRecord], bad: Sequence[BadRun], width: int) -> RenderableType:
    """The runs as a table, then every file that could not be read, each with its reason."""
    unreadable = [Text(f"unreadable: {one.said}", BAD) for one in bad]
    listed = _table(records, width) if records else Text("no recorded runs")
    return spaced([listed, *unreadable])


def _table(records: Sequence[RunRecord], width: int) -> RenderableType:
    lines = [_cells(record) for record in records]
    kept = _that_fit(lines, width)
    shown = [COLUMNS[place] for place in kept]
    columns = [right(f"{one.title}\ntok/s") if one.rate else left(one.title, fold=one.folds) for one in shown]
    return table(columns, [[line[place] for place in kept] for line in lines])


def _that_fit(lines: Sequence[Sequence[str | Text]], width: int) -> list[int]:
    """Places of the columns that a line of `width` has room for."""
    widths = [max(len(one.title), *(len(line[place]) for line in lines)) for place, one in enumerate(COLUMNS)]
    kept = list(range(len(COLUMNS)))
    for place in sorted((one for one in kept if COLUMNS[one].gives_way), key=lambda one: COLUMNS[one].gives_way):
        if sum(widths[one] + GAP for one in kept) - GAP > width:
            kept.remove(place)
    return kept


def _cells(record: RunRecord) -> list[str | Text]:
    cells = summarise(record)
    return [column.text(record, cells) for column in COLUMNS]


def _labels(record: RunRecord, cells: Sequence[CellSummary]) -> str:
    labels = [MARKS[flag.code] for flag in run_flags(record) if flag.code in MARKS]
    labels += dict.fromkeys(flag.code for cell in cells for flag in cell.flags if flag.code in DOUBTS)
    return ", ".join(labels)


def _first_test(cells: Sequence[CellSummary]) -> str:
    if not cells:
        return "none"
    return cells[0].label + (f" +{len(cells) - 1}" if len(cells) > 1 else "")


def _first_rate(cells: Sequence[CellSummary], name: str) -> str:
    stat = cells[0].metrics.get(name) if cells else None
    return number(stat.median if stat else None)


COLUMNS = (
    _Column(title="Run", text=lambda record, _: record.run_id, folds=False),
    _Column(title="Target", text=lambda record, _: record.target.name, gives_way=3),
    _Column(title="Model", text=lambda record, _: model_words(record)),
    _Column(title="Test", text=lambda _, cells: _first_test(cells), gives_way=1),
    _Column(title="Prefill", text=lambda _, cells: _first_rate(cells, "prefill_tok_per_s"), rate=True, gives_way=2),
    _Column(title="Decode", text=lambda _, cells: _first_rate(cells, "decode_tok_per_s"), rate=True),
    _Column(title="Status", text=lambda record, _: status_word(record.status)),
    _Column(title="Labels", text=_labels, gives_way=4),
)
