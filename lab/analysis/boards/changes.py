"""Changes of level in histories, as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lab.analysis.boards.apart import Apart
from lab.analysis.boards.axes import value_on
from lab.analysis.boards.board import BoardCell, BoardRow
from lab.analysis.boards.cell_text import change_words, role_of, size_text
from lab.analysis.boards.facts import fact_text
from lab.analysis.boards.lines import Line
from lab.analysis.points.key import SeriesKey
from lab.formats.dashboard import DashboardSpec
from lab.formats.metrics import NOT_MEASURED


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of level: from run `run_id` on, `ratio` times what was before, somewhere in `commits`.

    `accepted` is the reason for which somebody accepted the new level, or None.
    """

    key: SeriesKey
    word: str
    ratio: float
    run_id: str
    created_s: int
    commits: str
    p: float | None = None
    accepted: str | None = None


def change_rows(
    spec: DashboardSpec, cells: Mapping[Line, BoardCell], changes: Sequence[tuple[Line, Change]], apart: Apart
) -> list[BoardRow]:
    """Return a row for each change, the newest first."""
    newest_first = sorted(changes, key=lambda one: (-one[1].created_s, one[0]))
    return [_row(spec, cells[line], line, change, apart) for line, change in newest_first]


def _row(spec: DashboardSpec, cell: BoardCell, line: Line, change: Change, apart: Apart) -> BoardRow:
    word = "accepted" if change.accepted is not None else change.word
    mine = replace(cell, word=word, reason=_reason(change), run_id=change.run_id, created_s=change.created_s)
    return BoardRow(
        names=(*(value_on(line.cell, axis) for axis in spec.rows), *apart.names(line, cell)),
        cells=tuple(_fact(str(name), mine, change) for name in spec.columns),
    )


def _fact(name: str, cell: BoardCell, change: Change) -> BoardCell:
    own = {
        "ratio": change_words(change.ratio),
        "commits": change.commits,
        "accepted": change.accepted or NOT_MEASURED,
        "word": change.word,
    }
    role = role_of(change.word) if name in ("word", "ratio") and change.accepted is None else "plain"
    history = cell.history if name == "history" else ()
    text = own[name] if name in own else fact_text(name, cell)
    return replace(cell, text=text, role=role, history=history, history_runs=cell.history_runs if history else ())


def _reason(change: Change) -> str:
    said = f"{change.word} by {size_text(change.ratio)} from run {change.run_id} on"
    return f"{said}; accepted: {change.accepted}" if change.accepted is not None else said
