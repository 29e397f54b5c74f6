"""The plain rows of a dashboard: everything a view needs to draw it, and nothing of how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from lab.analysis.boards.lines import Line
from lab.analysis.judging.sides import FLOOR
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.key import CellKey, SeriesKey

Role = Literal["plain", "good", "bad", "caution", "faint"]  # repeats in colour what a word says, and nothing else


@dataclass(frozen=True)
class Seam:
    """From run `run_id` on, value `index` of a history, conditions are others: `what` says which, field by field."""

    index: int
    run_id: str
    created_s: int
    what: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of level: from run `run_id` on, `ratio` times what was before, somewhere in `commits`.

    `accepted` is the reason for which somebody accepted the new level, or None; `open` says that nobody has accepted a
    loss that still stands. `before` and `after` are the medians of `sessions_before` and `sessions_after` sessions.
    `history` are the medians of the sessions around it, `history_runs` their runs, and `mark` the place of the first at
    the new level.
    """

    key: SeriesKey
    word: str
    ratio: float
    run_id: str
    created_s: int
    commits: str
    p: float | None = None
    accepted: str | None = None
    open: bool = False
    before: float | None = None
    after: float | None = None
    sessions_before: int = 0
    sessions_after: int = 0
    history: tuple[float, ...] = ()
    history_runs: tuple[str, ...] = ()
    mark: int = -1

    @property
    def state(self) -> str:
        """What has become of it: "open", "accepted", "fixed since", or "" of a change for the better."""
        if self.accepted is not None:
            return "accepted"
        return "open" if self.open else "fixed since" if self.word in ("slower", "bigger") else ""


@dataclass(frozen=True, kw_only=True)
class BoardCell:
    """One place of a board. Texts of records are in it as they are: a view escapes them.

    `text` is what is read first (a value with its unit, a ratio, a word). `word` is the verdict, or the status of a
    cell that gave no numbers, or "" where nothing is judged; `reason` says why as a sentence. `note` says what
    the value is of where row and column leave that open. `under` names the conditions that set the series apart from
    others of the same cell, "" where there are none; `last` is the day of its newest session where those others went
    on without it. `history` are the newest medians of the same series, oldest first, in the metric's own unit,
    `history_runs` the ids of their runs, and `seams` where conditions changed. `also` are other cells that fall in
    this place: nothing is averaged over them. `labels` are what a reader has to know before believing the value.
    `change` is the change of level that the cell is about, where it is about one: then `history` is around that, and
    `mark` is the place in it of the first session at the new level. `threshold` is the smallest change that counts, a
    fraction; pictures of the history are scaled to it at least. Of `sessions` so many as `silent` gave no numbers.
    `newest_s` is when the newest of them was, `is_part` says that not all layers of the model were measured.
    """

    text: str
    word: str = ""
    reason: str = ""
    role: Role = "plain"
    note: str = ""
    key: CellKey | None = None
    under: str = ""
    last: str = ""
    value: float | None = None
    sd: float | None = None
    history: tuple[float, ...] = ()
    history_runs: tuple[str, ...] = ()
    seams: tuple[Seam, ...] = ()
    mark: int = -1
    threshold: float = FLOOR
    sessions: int = 0
    silent: int = 0
    is_part: bool = False
    newest_s: int = 0
    run_id: str = ""
    place: str = ""
    created_s: int = 0
    baseline_run_id: str = ""
    baseline_place: str = ""
    labels: tuple[str, ...] = ()
    verdict: Verdict | None = None
    change: Change | None = None
    also: tuple[CellKey, ...] = ()


EMPTY = BoardCell(text="", role="faint")


def own_text(cell: BoardCell) -> str:
    """Return what the cell says already."""
    return cell.text


def by_text(cell: BoardCell) -> float | None:
    """Sort a column by what is written in it."""
    return None


def by_value(cell: BoardCell) -> float | None:
    """Sort a column by the newest value."""
    return cell.value


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its heading, and how it is laid out, sorted and left out. Views ask it and compare no titles.

    `fact` is its name in a dashboard's file: an axis or a fact; in a matrix the places on the axes that the column
    stands for. `text` returns what a cell says, `sort` the number that it is sorted by, None for its text. A column
    that `folds` may break its texts over lines. While a terminal is too narrow, columns go in the order of `gives_way`;
    0 stays. The cells of a `coloured` column repeat the colour of the verdict, those of a `picture` draw the history.
    """

    fact: str
    title: str
    text: Callable[[BoardCell], str] = own_text
    sort: Callable[[BoardCell], float | None] = by_text
    align: Literal["left", "right"] = "left"
    folds: bool = False
    gives_way: int = 0
    coloured: bool = False
    picture: bool = False


@dataclass(frozen=True, kw_only=True)
class BoardRow:
    """One row: the values of the board's row axes, and a cell for each of its columns."""

    names: tuple[str, ...]
    cells: tuple[BoardCell, ...]

    @property
    def main(self) -> BoardCell:
        """The cell that a row stands for: the worst that is judged, else the first that has something to open."""
        worst = min(self.cells, key=lambda cell: (cell.role != "bad", cell.key is None))
        return worst


@dataclass(frozen=True, kw_only=True)
class ChartPoint:
    """One session: when, its value, and what it was of. `changed` is the word of a change of level found there.

    `seam` says which conditions are others from there on.
    """

    at_s: int
    value: float
    run_id: str
    commit: str
    changed: str = ""
    seam: str = ""


@dataclass(frozen=True, kw_only=True)
class ChartSeries:
    """One line of a chart (one bar: its last point). Of `total` sessions some may have been left out.

    `under` names its conditions as `lab.analysis.boards.lines.Line` does.
    """

    name: str
    key: CellKey
    points: tuple[ChartPoint, ...]
    total: int
    under: str = ""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart of a metric. `left_out` says how many more series there were, `left_out_names` which by name."""

    title: str
    kind: Literal["history", "bars"]
    metric: str
    series: tuple[ChartSeries, ...]
    left_out: int = 0
    left_out_names: tuple[str, ...] = ()
    left_out_lines: tuple[Line, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Board:
    """A dashboard over one state of the store.

    `row_columns` are of the names of rows, `columns` of the cells. In a matrix each cell is a value with its word;
    else a row is of one cell, and its columns are facts of that. `baseline` says in words what the newest sessions
    were held against. `counts` is how often each word stands on the board. `gates` are the words on it that its
    dashboard does not let pass. `notes` are for the reader, a sentence each. `open_regressions` is how many losses
    stand that nobody accepted, within the filters of the dashboard, and None where nobody has looked; `judged_series`
    is how many histories were long enough to look.
    """

    name: str
    title: str
    description: str
    row_columns: tuple[Column, ...]
    columns: tuple[Column, ...]
    rows: tuple[BoardRow, ...]
    is_matrix: bool = True
    baseline: str = ""
    charts: tuple[Chart, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    gates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    runs: int = 0
    newest_s: int = 0
    open_regressions: int | None = None
    judged_series: int | None = None

    @property
    def row_titles(self) -> tuple[str, ...]:
        """What stands above the names of rows."""
        return tuple(column.title for column in self.row_columns)

    @property
    def column_titles(self) -> tuple[str, ...]:
        """What stands above the cells."""
        return tuple(column.title for column in self.columns)

    @property
    def exit_code(self) -> int:
        """3 when a gate of the dashboard does not let it pass, else 0."""
        return 3 if self.gates else 0
