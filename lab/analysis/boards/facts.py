"""One row a cell, and what is known of it as columns: a fact more is a row more of COLUMNS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lab.analysis.boards.apart import Apart
from lab.analysis.boards.axes import order_on, value_on
from lab.analysis.boards.board import BoardCell, BoardRow, Column, by_value
from lab.analysis.boards.cell_text import (
    day_words,
    interval_words,
    plain_word,
    rank_of,
    ratio_words,
    value_words,
)
from lab.analysis.boards.lines import Line
from lab.analysis.boards.matrix import headline, told_axes
from lab.core.units import change
from lab.formats.dashboard import DashboardSpec
from lab.formats.metrics import NOT_MEASURED


def _change(cell: BoardCell) -> str:
    if cell.change is not None:
        return change(cell.change.ratio)
    return NOT_MEASURED if cell.verdict is None else ratio_words(cell.verdict)


def _ratio(cell: BoardCell) -> float | None:
    about = cell.change or cell.verdict
    return about.ratio if about else None


def _nothing(cell: BoardCell) -> str:
    return ""


def _before(cell: BoardCell) -> float | None:
    if cell.change is not None:
        return cell.change.before
    return cell.verdict.a if cell.verdict else None


def _before_text(cell: BoardCell) -> str:
    return _value(cell, _before(cell))


def _now(cell: BoardCell) -> float | None:
    """The median of the newest sessions, or of those since a change; the newest value where nothing is judged."""
    judged = cell.change.after if cell.change else cell.verdict.b if cell.verdict else None
    return cell.value if judged is None else judged


def _now_text(cell: BoardCell) -> str:
    judged = _now(cell)
    return cell.text if judged is None or judged == cell.value else _value(cell, judged)


def _value(cell: BoardCell, value: float | None) -> str:
    return value_words(cell.key.metric if cell.key else "", value)


def _interval(cell: BoardCell) -> str:
    return interval_words(cell.verdict) if cell.verdict and cell.change is None else NOT_MEASURED


def _sessions(cell: BoardCell) -> str:
    if cell.change is not None and cell.change.sessions_before:
        return f"{cell.change.sessions_before} / {cell.change.sessions_after}"
    return f"{cell.verdict.sessions_a} / {cell.verdict.sessions_b}" if cell.verdict else NOT_MEASURED


def _word(cell: BoardCell) -> str:
    return plain_word(cell.change.word if cell.change else cell.word) or NOT_MEASURED


def _state(cell: BoardCell) -> str:
    change = cell.change
    if change is None or not change.state:
        return NOT_MEASURED
    return f"accepted: {change.accepted}" if change.accepted is not None else change.state


# Every fact that a dashboard's file can name as a column; lab.formats.dashboard.FACTS lists the names.
COLUMNS = {
    column.fact: column
    for column in (
        Column(fact="value", title="Newest", sort=by_value, align="right"),
        Column(fact="history", title="History", text=_nothing, sort=by_value, picture=True, gives_way=4),
        Column(fact="a", title="Before", text=_before_text, sort=_before, align="right", gives_way=3),
        Column(fact="b", title="Now", text=_now_text, sort=_now, align="right"),
        Column(fact="ratio", title="Change", text=_change, sort=_ratio, align="right", coloured=True),
        Column(
            fact="interval",
            title="95 % CI",
            text=_interval,
            sort=_ratio,
            gives_way=2,
        ),
        Column(
            fact="sessions",
            title="Sessions",
            text=_sessions,
            sort=lambda cell: cell.verdict.sessions_a if cell.verdict else None,
            align="right",
            gives_way=1,
        ),
        Column(fact="word", title="Verdict", text=_word, sort=lambda cell: -rank_of(cell.word), coloured=True),
        Column(fact="reason", title="Why", text=lambda cell: cell.reason, folds=True, gives_way=5),
        Column(fact="run", title="Run", text=lambda cell: cell.run_id),
        Column(
            fact="when",
            title="When",
            text=lambda cell: day_words(cell.created_s),
            sort=lambda cell: cell.created_s,
            folds=True,
        ),
        Column(
            fact="commits",
            title="Commits",
            text=lambda cell: cell.change.commits if cell.change else NOT_MEASURED,
            folds=True,
        ),
        Column(fact="state", title="State", text=_state, folds=True),
        Column(
            fact="accepted",
            title="Accepted",
            text=lambda cell: (cell.change and cell.change.accepted) or NOT_MEASURED,
            folds=True,
        ),
    )
}


def columns_of(spec: DashboardSpec) -> tuple[Column, ...]:
    """Return the columns of a board whose columns are facts."""
    return tuple(COLUMNS[name] for name in spec.columns)


def fact_rows(spec: DashboardSpec, cells: Mapping[Line, BoardCell], apart: Apart) -> list[BoardRow]:
    """Return a row for each series in each combination of the row axes; it is of the worst and newest cell in it."""
    places: dict[tuple[object, ...], list[tuple[Line, BoardCell]]] = {}
    for line, cell in cells.items():
        order = tuple(order_on(line.cell, axis, spec.metrics) for axis in spec.rows)
        places.setdefault((*order, apart.order(line)), []).append((line, cell))
    told = told_axes(spec, cells)
    return [_row(spec, places[place], apart, told) for place in sorted(places, key=str_first)]


def str_first(place: tuple[object, ...]) -> tuple[tuple[bool, object], ...]:
    """Sort names and sizes each among their own kind."""
    return tuple((not isinstance(part, str), part) for part in place)


def _row(spec: DashboardSpec, found: list[tuple[Line, BoardCell]], apart: Apart, told: tuple[str, ...]) -> BoardRow:
    cell, (line, _) = headline(found, spec, told, apart), found[0]
    names = tuple(value_on(line.cell, axis) for axis in spec.rows)
    return BoardRow(
        names=(*names, *apart.names(line, cell)), cells=tuple(fact(column, cell) for column in columns_of(spec))
    )


def fact(column: Column, cell: BoardCell) -> BoardCell:
    """Return the cell with one fact of it as its text; only coloured columns and pictures show the rest of it."""
    return replace(
        cell,
        text=column.text(cell),
        role=cell.role if column.coloured else "plain",
        history=cell.history if column.picture else (),
        history_runs=cell.history_runs if column.picture else (),
        mark=cell.mark if column.picture else -1,
    )
