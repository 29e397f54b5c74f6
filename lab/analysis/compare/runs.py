"""Run B against run A: for each cell and metric a ratio, its interval, and a mark in words.

The interval is a bootstrap over repetitions, so it covers what varies within one session on each side. What
varies between sessions (heat, neighbours, memory layout) it cannot know: with one session a side a difference
is reported and never proven, which every mark says.
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.analysis.comparable import cell_obstacle, metric_obstacle, notes, run_obstacle
from lab.analysis.marks import ONE_SESSION, Mark, judge
from lab.analysis.run.stats import describe, ratio_interval
from lab.analysis.run.summary import finished, samples
from lab.formats.metrics import JUDGED
from lab.formats.run_record import Cell, RunRecord
from lab.formats.test import Test

FLOOR = 0.05  # a smaller difference is not worth an alarm on any device until its own noise is known


@dataclass(frozen=True, kw_only=True)
class Row:
    """One metric of one cell, or the whole cell (`metric` null) where it has no numbers to compare.

    `a` and `b` are medians in the metric's unit over `n_a` and `n_b` repetitions, `ratio` is b / a and
    `interval` its 95 % bootstrap interval. `proven` is true of facts (a build that broke) and, while there is
    one session a side, of no difference in speed or size. `reason` says what the mark alone does not.
    """

    cell: Test
    metric: str | None = None
    a: float | None = None
    b: float | None = None
    n_a: int = 0
    n_b: int = 0
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    mark: Mark
    proven: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Comparison:
    """All rows, what differs between the sides, and why nothing could be compared (if so)."""

    a: str
    b: str
    floor: float
    sessions_a: int
    sessions_b: int
    notes: tuple[str, ...]
    obstacle: str | None
    rows: tuple[Row, ...]

    @property
    def exit_code(self) -> int:
        """3 when something broke, 5 when nothing could be compared, else 0: no difference is proven yet."""
        marks = {row.mark for row in self.rows}
        if "broke" in marks:
            return 3
        return 0 if marks - {"not-comparable", "missing", "new"} else 5


def compare(a: RunRecord, b: RunRecord, floor: float = FLOOR, *, emulated: bool = False) -> Comparison:
    """Compare run `b` with run `a`; `floor` is the smallest difference (a fraction) that counts as one.

    With `emulated`, runs of emulated devices are compared too.
    """
    obstacle = run_obstacle(a, b, emulated=emulated)
    cells_a, cells_b = _by_test(a), _by_test(b)
    rows: list[Row] = []
    for test in dict.fromkeys([*cells_a, *cells_b]):
        rows += _cell_rows(test, cells_a.get(test), cells_b.get(test), obstacle, floor)
    return Comparison(a.run_id, b.run_id, floor, 1, 1, notes(a, b), obstacle, tuple(rows))


def _by_test(record: RunRecord) -> dict[Test, Cell]:
    return {Test.of(cell): cell for cell in record.cells}


def _cell_rows(test: Test, a: Cell | None, b: Cell | None, obstacle: str | None, floor: float) -> list[Row]:
    """The rows of one cell: one for the whole cell where its numbers cannot be held against each other."""
    if obstacle is not None:
        return [_whole(test, "not-comparable", obstacle)]
    if a is None or b is None:
        return [_whole(test, "new" if a is None else "missing", None)]
    problem = cell_obstacle(a, b)
    if problem is not None:
        return [_whole(test, *problem)]
    return [row for name in JUDGED if (row := _metric_row(test, name, a, b, floor)) is not None]


def _whole(test: Test, mark: Mark, reason: str | None) -> Row:
    return Row(cell=test, mark=mark, proven=mark in ("broke", "fixed", "missing", "new"), reason=reason)


def _metric_row(test: Test, name: str, a: Cell, b: Cell, floor: float) -> Row | None:
    """One metric; None when neither side measured it."""
    ours, theirs = samples(finished(a), name), samples(finished(b), name)
    if not ours and not theirs:
        return None
    before, after = describe(ours), describe(theirs)
    problem = metric_obstacle(name, a, b, len(ours), len(theirs))
    ratio = after.median / before.median if before and after and before.median and not problem else None
    interval = None if problem else ratio_interval(ours, theirs)
    mark: Mark = "not-comparable" if problem else judge(name, ratio, interval, floor)
    return Row(
        cell=test,
        metric=name,
        a=before.median if before else None,
        b=after.median if after else None,
        n_a=len(ours),
        n_b=len(theirs),
        ratio=ratio,
        interval=interval,
        mark=mark,
        reason=problem or _why(mark, interval),
    )


def _why(mark: Mark, interval: tuple[float, float] | None) -> str | None:
    if mark == "same":
        return None
    if mark == "unproven":
        return "too few repetitions" if interval is None else "could be a difference, could be none"
    return ONE_SESSION
