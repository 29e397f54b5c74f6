"""`lab runs` for people: one line a run, newest last, with the numbers of its first test."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from lab.analysis.run.flags import DOUBTS, run_flags
from lab.analysis.run.summary import CellSummary, summarise
from lab.formats.run_record import RunRecord
from lab.store import BadRun
from lab.views.runs.facts import model_words
from lab.views.table import BAD, left, right, spaced, status_word, table
from lab.views.units import number

RATES = ("Prefill", "Decode")
MARKS = {
    "synthetic": "synthetic",
    "layers": "part",
    "emulated": "emulated",
    "fell_back": "fell back",
    "cpu_device": "on a CPU",
}
GIVE_WAY = ("Test", "Prefill", "Target", "Labels")  # in this order, while the line is too long
GAP = 2


def runs_table(records: Sequence[RunRecord], bad: Sequence[BadRun], width: int) -> RenderableType:
    """The runs as a table, then every file that could not be read, each with its reason."""
    unreadable = [Text(f"unreadable: {one.said}", BAD) for one in bad]
    listed = _table(records, width) if records else Text("no recorded runs")
    return spaced([listed, *unreadable])


def _table(records: Sequence[RunRecord], width: int) -> RenderableType:
    lines = [_cells(record) for record in records]
    names = _that_fit(lines, width)
    columns = [right(f"{name}\ntok/s") if name in RATES else left(name, fold=name != "Run") for name in names]
    return table(columns, [[line[name] for name in names] for line in lines])


def _that_fit(lines: Sequence[dict[str, str | Text]], width: int) -> list[str]:
    """The columns that a line of `width` has room for."""
    widths = {name: max(len(name), *(len(line[name]) for line in lines)) for name in lines[0]}
    names = list(widths)
    for name in GIVE_WAY:
        if sum(widths[kept] + GAP for kept in names) - GAP > width:
            names.remove(name)
    return names


def _cells(record: RunRecord) -> dict[str, str | Text]:
    cells = summarise(record)
    labels = [MARKS[flag.code] for flag in run_flags(record) if flag.code in MARKS]
    labels += dict.fromkeys(flag.code for cell in cells for flag in cell.flags if flag.code in DOUBTS)
    return {
        "Run": record.run_id,
        "Target": record.target.name,
        "Model": model_words(record),
        "Test": _first_test(cells),
        "Prefill": _first_rate(cells, "prefill_tok_per_s"),
        "Decode": _first_rate(cells, "decode_tok_per_s"),
        "Status": status_word(record.status),
        "Labels": ", ".join(labels),
    }


def _first_test(cells: Sequence[CellSummary]) -> str:
    if not cells:
        return "none"
    return cells[0].label + (f" +{len(cells) - 1}" if len(cells) > 1 else "")


def _first_rate(cells: Sequence[CellSummary], name: str) -> str:
    stat = cells[0].metrics.get(name) if cells else None
    return number(stat.median if stat else None)
