"""Which levels of a history changed, for the worse or the better, and which of them somebody has accepted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.analysis.commits import with_whole_commits
from lab.analysis.history.accepting import acceptance
from lab.analysis.history.chains import chained
from lab.analysis.history.change_points import MIN_POINTS, ChangePoint, Search, search
from lab.analysis.history.changed import Changed, changed, columns_between, settings_of
from lab.analysis.history.clocks import clock_problems
from lab.analysis.history.order import Order, order_of
from lab.analysis.history.regression import Regression
from lab.analysis.history.series import Series, series_of
from lab.analysis.judging.sides import FLOOR
from lab.analysis.points.key import CellKey, Fields, SeriesKey
from lab.analysis.points.table import Points, Runs
from lab.formats.acks import Accepted
from lab.formats.metrics import METRICS
from lab.formats.revision import Repository
from lab.formats.verdicts import Word

LEVEL = 0.05  # probability of any false change in the whole store, shared evenly among its series (Bonferroni)


Find = Callable[[Sequence[Search]], list[tuple[ChangePoint, ...]]]  # the change points of each series, in its order


@dataclass(frozen=True, kw_only=True)
class History:
    """All changes, those that need somebody first; `judged` and `short` count series, `clocks` is run id -> problem.

    `conditions` are the changes of conditions in them.
    """

    changes: tuple[Regression, ...]
    judged: int
    short: int
    clocks: dict[str, str]
    order: Order | None = None
    conditions: tuple[Changed, ...] = ()

    @property
    def exit_code(self) -> int:
        """3 when a regression is open, else 0."""
        return 3 if any(change.open for change in self.changes) else 0


def regressions(
    points: Points,
    accepted: Sequence[Accepted] = (),
    *,
    targets: Collection[str] = (),
    models: Collection[str] = (),
    floors: Mapping[tuple[str, str], float] | None = None,
    level: float = LEVEL,
) -> tuple[Regression, ...]:
    """Return every change of level, those that need somebody first; see `judge_history`."""
    return judge_history(points, accepted, targets=targets, models=models, floors=floors, level=level).changes


def judge_history(
    points: Points,
    accepted: Sequence[Accepted] = (),
    *,
    targets: Collection[str] = (),
    models: Collection[str] = (),
    floors: Mapping[tuple[str, str], float] | None = None,
    level: float = LEVEL,
    now_s: float | None = None,
    repository: Repository | None = None,
    find: Find = search,
) -> History:
    """Find the changes of every history with MIN_POINTS sessions or more; one goes on where its conditions change.

    `floors` are by (target, metric), FLOOR where there is none. `targets` and `models` choose what is returned, not
    how it is judged: `level` is shared among all series of `points`. Runs with an impossible time are left out.
    What stands where is by revision, as far as `repository` or the runs themselves tell it (see `order_of`). `find`
    takes nearly all of the time; another one than `search` may know what that found before.
    """
    wrong = clock_problems(points.runs, now_s)
    points = replace(points, runs=with_whole_commits(points.runs))
    order = order_of(points.runs, wrong.keys(), repository)
    placed = replace(points, runs=replace(points.runs, created_s=order.placed_s))
    chains = chained(list(series_of(placed, wrong.keys())), placed.runs)
    long = sum(len(one.values) >= MIN_POINTS for one in chains.series)
    every = [one for one in chains.series if _is_chosen(one.key.cell, targets, models)]
    apart = [one for one in chains.apart if _is_chosen(one.series.key.cell, targets, models)]
    chosen = [one for one in every if len(one.values) >= MIN_POINTS]
    learned = floors or {}
    floor = [learned.get((one.key.cell.target, one.key.cell.metric), FLOOR) for one in chosen]
    searches = [Search(one.values, level / long, least) for one, least in zip(chosen, floor, strict=True)]
    found: list[Regression] = []
    for one, settings, least, points_found in zip(chosen, settings_of(chosen), floor, find(searches), strict=True):
        found += _changes(one, settings, points.runs, accepted, least, points_found)
    return History(
        changes=tuple(sorted(found, key=_urgency)),
        judged=len(chosen),
        short=len(every) - len(chosen),
        clocks={points.runs.run_id[place]: problem for place, problem in wrong.items()},
        order=order,
        conditions=changed(every, apart, points.runs),
    )


def _is_chosen(cell: CellKey, targets: Collection[str], models: Collection[str]) -> bool:
    return (not targets or cell.target in targets) and (not models or cell.model in models)


def _urgency(change: Regression) -> tuple[bool, int, float, SeriesKey, int]:
    return not change.open, -change.created_s, change.p, change.key, change.index


def _changes(
    series: Series,
    settings: Fields,
    runs: Runs,
    accepted: Sequence[Accepted],
    floor: float,
    found: Sequence[ChangePoint],
) -> list[Regression]:
    reasons = [acceptance(accepted, series, runs, change, floor) for change in found]
    edges = [0, *(change.index for change in found), len(series.values)]
    return [
        _regression(series, settings, runs, found, place, edges, reasons[place], is_open)
        for place in range(len(found))
        for is_open in [_is_open(series.key.cell, found, place, reasons, floor)]
    ]


def _is_open(
    cell: CellKey, found: Sequence[ChangePoint], place: int, reasons: Sequence[str | None], floor: float
) -> bool:
    """Whether the newest level is still worse than that before this change, and nobody accepted any level since."""
    change, now = found[place], found[-1].after
    worse = _word(cell, change.ratio) in ("slower", "bigger")
    still = _word(cell, now / change.before) in ("slower", "bigger") and abs(now / change.before - 1) > floor
    return worse and still and not any(reason is not None for reason in reasons[place:])


def _regression(
    series: Series,
    settings: Fields,
    runs: Runs,
    found: Sequence[ChangePoint],
    place: int,
    edges: Sequence[int],
    reason: str | None,
    is_open: bool,
) -> Regression:
    change = found[place]
    old, new = int(series.runs[change.index - 1]), int(series.runs[change.index])
    return Regression(
        key=series.key,
        word=_word(series.key.cell, change.ratio),
        ratio=change.ratio,
        before=change.before,
        after=change.after,
        sessions_before=edges[place + 1] - edges[place],
        sessions_after=edges[place + 2] - edges[place + 1],
        p=change.p,
        run_id=runs.run_id[new],
        created_s=int(runs.created_s[new]),
        commits=(runs.commit[old], runs.commit[new]),
        newest=place == len(found) - 1,
        open=is_open,
        acknowledged=reason,
        values=tuple(np.asarray(series.values).tolist()),
        index=change.index,
        run_ids=tuple(runs.run_id[code] for code in series.runs.tolist()),
        seams=series.seams,
        settings=settings,
        columns=columns_between(series, runs, edges[place], change.index, edges[place + 2]),
    )


def _word(cell: CellKey, ratio: float) -> Word:
    metric = METRICS[cell.metric]
    if metric.format == "bytes":
        return "bigger" if ratio > 1 else "smaller"
    return "slower" if (ratio < 1) == (metric.better == "higher") else "faster"
