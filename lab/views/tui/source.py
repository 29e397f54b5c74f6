"""All that the application asks of the store, as one object: tests and benchmarks put another in its place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.analysis.boards.board import Board, BoardCell
from lab.analysis.boards.build import Changes, build_board, changes_of, open_cell, stored_board
from lab.analysis.boards.detail import CellDetail
from lab.analysis.boards.lines import Line, lines_of
from lab.analysis.history.regression import Regression
from lab.analysis.history.stored import stored_history
from lab.analysis.points.key import CellKey
from lab.analysis.points.load import Loaded, load_points
from lab.analysis.points.table import Points
from lab.core.errors import StoreError
from lab.core.progress import Advance
from lab.formats.dashboard import DashboardSpec, all_dashboards, load_dashboard, narrowed
from lab.formats.run_record import RunRecord
from lab.store import BadRun, entries, read_at

KEPT = 40  # boards: all dashboards, each of its metrics alone


class Count:
    """A lab.core.progress.Progress that only counts; another thread than the one that counts may look."""

    def __init__(self) -> None:
        self._name, self._unit, self._done, self._total = "", "", 0.0, 0.0

    @contextmanager
    def phase(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Advance]:
        """Count what is done of `total`, until the phase is over."""
        self._name, self._unit, self._done, self._total = name, unit, 0.0, total or 0.0
        try:
            yield self._add
        finally:
            self._total = 0.0

    def now(self, text: str) -> None:
        """Show nothing: what is shown is how far it is."""

    def note(self, text: str) -> None:
        """Drop the note: the screen says all there is."""

    @property
    def words(self) -> str:
        """What to say of it; empty where nothing long is going on."""
        return f"{self._name}: {self._done:.0f} of {self._total:.0f} {self._unit}".rstrip() if self._total else ""

    def _add(self, amount: float) -> None:
        self._done += amount


Stamp = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Snapshot:
    """One state of the store. It never changes: a new one takes its place as a whole."""

    points: Points
    bad: tuple[BadRun, ...]
    stamp: Stamp

    @property
    def runs(self) -> int:
        """How many runs could be read."""
        return len(self.points.runs)


@dataclass(frozen=True)
class Source:
    """The store, of one target or model when given."""

    target: str | None = None
    model: str | None = None
    count: Count = field(default_factory=Count, compare=False)

    def look(self) -> Stamp:
        """Return what is there now, without reading any of it."""
        return frozenset((entry.place, entry.version) for entry in entries())

    def load(self) -> Snapshot:
        """Return the store as it is now."""
        loaded = load_points(progress=self.count)
        return Snapshot(loaded.points, loaded.bad, loaded.listed)  # what landed since it was listed is seen at a look

    def dashboards(self) -> tuple[str, ...]:
        """Return the names of those that can be shown."""
        return tuple(name for name, found in all_dashboards().items() if isinstance(found, DashboardSpec))

    def spec(self, name: str, metric: str | None = None) -> DashboardSpec:
        """Return the dashboard, of one metric when given."""
        spec = narrowed(load_dashboard(name), self.target, self.model)
        return replace(spec, metrics=(metric,)) if metric else spec

    def changes(self, snapshot: Snapshot) -> Changes:
        """Return the changes in the histories of the snapshot; the first time that takes seconds, which are counted."""
        return changes_of(snapshot.points, self.count)

    def changes_board(self) -> str | None:
        """Return the name of the dashboard that lists changes, that of lab where there are several."""
        found = [
            name for name, one in all_dashboards().items() if isinstance(one, DashboardSpec) and one.about == "changes"
        ]
        return "regressions" if "regressions" in found else next(iter(found), None)

    def board(self, snapshot: Snapshot, spec: DashboardSpec, judged: bool, changes: Changes | None = None) -> Board:
        """Return the dashboard over the snapshot, no charts; without verdicts unless `judged`, which takes longer."""
        spec = replace(spec, charts=())
        if not judged:
            return build_board(replace(spec, baseline=replace(spec.baseline, against="none", tag="")), snapshot.points)
        loaded = Loaded(snapshot.points, snapshot.bad)
        return stored_board(spec, loaded, changes=changes, progress=self.count).board

    def record(self, key: CellKey, run_id: str, place: str) -> RunRecord:
        """Return one run; StoreError when it cannot be read any more."""
        found = read_at(place)
        if isinstance(found, BadRun):
            raise StoreError(found.reason, hint="lab store check names every file that cannot be read")
        return found

    def detail(self, cell: BoardCell) -> CellDetail:
        """Return the newest run of the cell beside its baseline."""
        return open_cell(cell)

    def open_change(self, snapshot: Snapshot, cell: BoardCell, run_id: str) -> Regression | None:
        """Return what got worse in the cell's series and stands: that which the run brought, else the newest.

        None where nothing did. It is found as `lab regressions` finds it.
        """
        key, points = cell.key, snapshot.points
        if key is None:
            return None
        lines = dict(zip(points.keys, lines_of(points), strict=True))
        found = stored_history(points, self.count).changes
        changes = [one for one in found if one.open and lines[one.key] == Line(key, cell.under)]
        return max(changes, key=lambda one: (one.run_id == run_id, one.created_s), default=None)

    def accept(self, change: Regression, reason: str) -> Path:
        """Accept the new level, and return the file that says so."""
        from lab.analysis.history.accepting import accept

        return accept(change, reason)


class Boards:
    """Makes boards and keeps them until the store changes. Called from many threads."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._made: dict[tuple[int, str, bool], Board] = {}
        self._changes: tuple[int, Changes] | None = None
        self._judging = threading.Lock()

    def board(self, snapshot: Snapshot, spec: DashboardSpec, judged: bool, wanted: Callable[[], bool]) -> Board | None:
        """Return the board; None when it is not wanted any more once its turn has come."""
        key = (hash(snapshot.stamp), repr(spec), judged)
        if judged and key not in self._made:
            with self._judging:
                if not wanted():
                    return None
                return self._made.get(key) or self._make(key, snapshot, spec)
        return self._made.get(key) or self._make(key, snapshot, spec)

    def _make(self, key: tuple[int, str, bool], snapshot: Snapshot, spec: DashboardSpec) -> Board:
        changes = self._changes_of(key[0], snapshot) if key[2] else None
        board = self._source.board(snapshot, spec, key[2], changes)
        if len(self._made) >= KEPT:
            self._made = {}
        self._made[key] = board
        return board

    def _changes_of(self, state: int, snapshot: Snapshot) -> Changes:
        """Those of this state of the store, looked for once for all boards."""
        if self._changes is None or self._changes[0] != state:
            self._changes = state, self._source.changes(snapshot)
        return self._changes[1]

    def forget(self) -> None:
        """Drop what was made: the store, or what was accepted, is another."""
        self._made, self._changes = {}, None
