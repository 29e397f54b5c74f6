"""A dashboard over the points of a store, as a board; and from a cell of it to the records behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lab.analysis.boards.apart import Apart, apart_on
from lab.analysis.boards.axes import axis_column, chosen, lets_through
from lab.analysis.boards.board import Board, BoardCell, BoardRow, Change, Column
from lab.analysis.boards.cell_text import rank_of
from lab.analysis.boards.changes import change_rows, with_open
from lab.analysis.boards.charts import charts_of
from lab.analysis.boards.detail import CellDetail, cell_detail
from lab.analysis.boards.facts import columns_of, fact_rows
from lab.analysis.boards.items import HISTORY, cells_of
from lab.analysis.boards.lines import Line, lines_of
from lab.analysis.boards.matrix import matrix_rows
from lab.analysis.boards.newest import newest_of_lines
from lab.analysis.boards.sides import baseline_words
from lab.analysis.history.regression import Regression
from lab.analysis.history.stored import stored_history
from lab.analysis.judging.sides import Policy
from lab.analysis.points.load import Loaded, load_points
from lab.analysis.points.table import Points
from lab.core.errors import StoreError
from lab.core.progress import Progress
from lab.formats.calibration import load_floors
from lab.formats.dashboard import DashboardSpec
from lab.formats.verdicts import VERDICTS
from lab.store import BadRun, read_at


def build_board(
    spec: DashboardSpec, points: Points, changes: Sequence[Change] | None = None, policy: Policy | None = None
) -> Board:
    """Return the dashboard over the points.

    `changes` are those of level that were found in their histories, None where nobody has looked yet.
    """
    lines = lines_of(points)  # of all, so that a place has the same name on every board
    shown = chosen(points, spec)
    cells, judged = cells_of(shown, lines, spec, policy or Policy())
    apart = apart_on(spec, cells)
    of_key = dict(zip(points.keys, lines, strict=True))
    mine = [(of_key[one.key], one) for one in changes or () if of_key.get(one.key) in cells]
    if spec.baseline.against == "sessions":
        cells = with_open(cells, mine, baseline_words(spec.baseline))
    columns, rows = _rows(spec, cells, mine, apart)
    names, kept = _named(spec, apart, _sorted(spec, [row for row in rows if _passes(spec, row)]))
    counts = Counter(cell.word for row in kept for cell in _distinct(row) if cell.word)
    return Board(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        row_columns=names,
        columns=columns,
        rows=tuple(kept),
        is_matrix=spec.is_matrix,
        baseline=baseline_words(spec.baseline),
        charts=charts_of(spec, newest_of_lines(shown, lines), mine, apart),
        counts={word: counts[word] for word in sorted(counts, key=_in_order)},
        gates=tuple(word for word in spec.gates.words if counts[word]),
        notes=judged.notes,
        runs=len(points.runs),
        newest_s=int(points.runs.created_s.max()) if len(points.runs) else 0,
        open_regressions=None if changes is None else sum(one.open and _is_chosen(spec, one) for one in changes),
    )


def _is_chosen(spec: DashboardSpec, change: Change) -> bool:
    """Whether the dashboard's filters let the change through, whatever its metric."""
    shown = spec.filters.emulated or not change.key.conditions.emulated
    return shown and lets_through(spec.filters, change.key.cell)


def _rows(
    spec: DashboardSpec, cells: Mapping[Line, BoardCell], changes: Sequence[tuple[Line, Change]], apart: Apart
) -> tuple[tuple[Column, ...], list[BoardRow]]:
    if spec.is_matrix:
        return matrix_rows(spec, cells, apart)
    about_changes = spec.about == "changes"
    rows = change_rows(spec, cells, changes, apart) if about_changes else fact_rows(spec, cells, apart)
    return columns_of(spec), rows


def _named(spec: DashboardSpec, apart: Apart, rows: list[BoardRow]) -> tuple[tuple[Column, ...], list[BoardRow]]:
    """The columns of names, and the rows; without the names of conditions where no row that is left has one."""
    columns = tuple(axis_column(axis) for axis in spec.rows)
    if any(row.names[len(columns) :] != ("",) for row in rows):
        return (*columns, *apart.columns), rows
    return columns, [replace(row, names=row.names[: len(columns)]) for row in rows]


def _passes(spec: DashboardSpec, row: BoardRow) -> bool:
    return not spec.filters.words or any(cell.word in spec.filters.words for cell in row.cells)


def _sorted(spec: DashboardSpec, rows: list[BoardRow]) -> list[BoardRow]:
    """Rows come sorted by name; other orders keep that among equals."""
    if spec.sort == "worst":
        return sorted(rows, key=lambda row: -max((rank_of(cell.word) for cell in row.cells), default=0))
    if spec.sort == "newest":
        return sorted(rows, key=lambda row: -max((cell.created_s for cell in row.cells), default=0))
    return rows


def _in_order(word: str) -> tuple[int, int, str]:
    """The worst first, and those that are alike in the order of the legend."""
    return -rank_of(word), list(VERDICTS).index(word) if word in VERDICTS else len(VERDICTS), word


def _distinct(row: BoardRow) -> list[BoardCell]:
    """The cells of a row that are different things: facts of one cell all carry its word."""
    return list({(cell.key, cell.under): cell for cell in row.cells if cell.key is not None}.values())


@dataclass(frozen=True)
class StoredBoard:
    """A board, and the runs that could not be read for it."""

    board: Board
    bad: tuple[BadRun, ...]


@dataclass(frozen=True)
class Changes:
    """The changes of level in the histories of a store, of which `judged` series were long enough to look."""

    found: tuple[Change, ...]
    judged: int


def stored_board(
    spec: DashboardSpec,
    loaded: Loaded | None = None,
    *,
    changes: Changes | None = None,
    progress: Progress | None = None,
) -> StoredBoard:
    """Return the dashboard over the runs that are stored, or over those that were loaded already.

    `changes` are those of `changes_of`, where the caller has them; the search takes longer than all else.
    """
    points_of = load_points() if loaded is None else loaded
    found = changes_of(points_of.points, progress) if changes is None else changes
    board = build_board(spec, points_of.points, found.found, Policy(floors=load_floors()))
    return StoredBoard(replace(board, judged_series=found.judged), points_of.bad)


def changes_of(points: Points, progress: Progress | None = None) -> Changes:
    """Return every change of level in the histories, for better or worse, with what was accepted."""
    history = stored_history(points, progress)
    return Changes(tuple(_change(one) for one in history.changes), history.judged)


def _change(found: Regression) -> Change:
    before, at = found.commits
    first = max(min(found.index - HISTORY // 2, len(found.values) - HISTORY), 0)
    return Change(
        key=found.key,
        word=found.word,
        ratio=found.ratio,
        run_id=found.run_id,
        created_s=found.created_s,
        commits=f"{before[:9] or 'unknown'}..{at[:9] or 'unknown'}" if before or at else "",
        p=found.p,
        accepted=found.acknowledged,
        open=found.open,
        before=found.before,
        after=found.after,
        sessions_before=found.sessions_before,
        sessions_after=found.sessions_after,
        history=found.values[first : first + HISTORY],
        history_runs=found.run_ids[first : first + HISTORY],
        mark=found.index - first,
    )


def open_cell(cell: BoardCell) -> CellDetail:
    """Return the newest run of the cell in all detail, beside the newest run of its baseline.

    Raises:
        StoreError: the cell has no run, or its run cannot be read any more. A baseline that cannot be read is left out.
    """
    if cell.key is None or not cell.run_id:
        raise StoreError("nothing was measured here", hint="choose a cell with a value")
    record = read_at(cell.place)
    if isinstance(record, BadRun):
        raise StoreError(record.reason, hint="`lab store check` names every file that cannot be read")
    baseline = read_at(cell.baseline_place) if cell.baseline_run_id else None
    found = cell_detail(record, cell.key, None if isinstance(baseline, BadRun) else baseline)
    if found is None:
        raise StoreError(f"run {cell.run_id} has no such test any more", hint="read the store again")
    return found
