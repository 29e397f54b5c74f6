"""One row a cell, and what is known of it as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lab.analysis.boards.apart import Apart
from lab.analysis.boards.axes import order_on, value_on
from lab.analysis.boards.board import BoardCell, BoardRow
from lab.analysis.boards.cell_text import day_words, interval_words, plain_word, ratio_words, value_words
from lab.analysis.boards.lines import Line
from lab.analysis.boards.matrix import headline
from lab.formats.dashboard import DashboardSpec
from lab.formats.metrics import NOT_MEASURED

FACT_TITLES = {
    "value": "Newest",
    "history": "History",
    "a": "Before",
    "b": "Now",
    "ratio": "Change",
    "interval": "95 % interval",
    "sessions": "Sessions",
    "word": "Verdict",
    "reason": "Why",
    "run": "Run",
    "when": "When",
    "commits": "Commits",
    "accepted": "Accepted",
}


def fact_rows(spec: DashboardSpec, cells: Mapping[Line, BoardCell], apart: Apart) -> list[BoardRow]:
    """Return a row for each series in each combination of the row axes; it is of the worst and newest cell in it."""
    places: dict[tuple[object, ...], list[tuple[Line, BoardCell]]] = {}
    for line, cell in cells.items():
        order = tuple(order_on(line.cell, axis, spec.metrics) for axis in spec.rows)
        places.setdefault((*order, apart.order(line)), []).append((line, cell))
    return [_row(spec, places[place], apart) for place in sorted(places, key=str_first)]


def str_first(place: tuple[object, ...]) -> tuple[tuple[bool, object], ...]:
    """Sort names and sizes each among their own kind."""
    return tuple((not isinstance(part, str), part) for part in place)


def _row(spec: DashboardSpec, found: list[tuple[Line, BoardCell]], apart: Apart) -> BoardRow:
    cell, (line, _) = headline(found, spec), found[0]
    names = tuple(value_on(line.cell, axis) for axis in spec.rows)
    return BoardRow(
        names=(*names, *apart.names(line, cell)), cells=tuple(fact(str(name), cell) for name in spec.columns)
    )


def fact(name: str, cell: BoardCell) -> BoardCell:
    """Return the cell with one fact of it as its text; only the columns of verdict and history show those."""
    text = fact_text(name, cell)
    role = cell.role if name in ("word", "ratio") else "plain"
    history = cell.history if name == "history" else ()
    return replace(cell, text=text, role=role, history=history, history_runs=cell.history_runs if history else ())


def fact_text(name: str, cell: BoardCell) -> str:
    """Return one fact as people read it."""
    verdict, metric = cell.verdict, cell.key.metric if cell.key else ""
    match name:
        case "value":
            return cell.text
        case "history":
            return ""
        case "word":
            return plain_word(cell.word) or NOT_MEASURED
        case "reason":
            return cell.reason
        case "run":
            return cell.run_id
        case "when":
            return day_words(cell.created_s)
    if name == "b" and (verdict is None or verdict.b is None):
        return cell.text
    if verdict is None:
        return NOT_MEASURED
    match name:
        case "a":
            return value_words(metric, verdict.a)
        case "b":
            return value_words(metric, verdict.b)
        case "ratio":
            return ratio_words(verdict)
        case "interval":
            return interval_words(verdict)
        case "sessions":
            return f"{verdict.sessions_a} / {verdict.sessions_b}"
    return NOT_MEASURED
