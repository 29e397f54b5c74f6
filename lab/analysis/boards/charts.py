"""The charts of a dashboard: histories thinned so that no change and no outlier gets lost, and newest values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lab.analysis.boards.axes import value_on
from lab.analysis.boards.board import Chart, ChartPoint, ChartSeries
from lab.analysis.boards.changes import Change
from lab.analysis.boards.newest import Newest, newest_of_cells
from lab.analysis.points.key import CellKey
from lab.analysis.points.table import Points
from lab.core.dashboard import ChartSpec, DashboardSpec
from lab.core.metrics import metric

DRAWN = 400  # points of one line: more than a screen has columns for

NAMED = ("target", "model", "engine", "test")


def charts_of(spec: DashboardSpec, points: Points, changes: Sequence[Change]) -> tuple[Chart, ...]:
    """Return the charts that the dashboard asks for, in its order; a history of one session is none."""
    if not spec.charts:
        return ()
    newest = newest_of_cells(points)
    found = [chart for one in spec.charts for chart in _charts(one, newest, changes)]
    return tuple(chart for chart in found if chart.kind == "bars" or any(one.total > 1 for one in chart.series))


def _charts(spec: ChartSpec, newest: dict[CellKey, Newest], changes: Sequence[Change]) -> list[Chart]:
    mine = {key: one for key, one in newest.items() if key.metric == spec.metric}
    parts = sorted({value_on(key, spec.each) for key in mine}) if spec.each else [""]
    return [
        _chart(
            spec, part, {key: one for key, one in mine.items() if not part or value_on(key, spec.each) == part}, changes
        )
        for part in parts
    ]


def _chart(spec: ChartSpec, part: str, mine: dict[CellKey, Newest], changes: Sequence[Change]) -> Chart:
    """The lines in which something changed and those with the most sessions, by name."""
    changed = {change.cell for change in changes}
    kept = sorted(sorted(mine, key=lambda key: (key not in changed, -len(mine[key].series), key))[: spec.lines])
    axes = [axis for axis in NAMED if axis != spec.each and len({value_on(key, axis) for key in mine}) > 1] or ["test"]
    title = spec.title or metric(spec.metric).title
    return Chart(
        title=f"{title}: {part}" if part else title,
        kind=spec.kind,
        metric=spec.metric,
        series=tuple(_series(key, mine[key], axes, changes, spec.kind) for key in kept),
        left_out=len(mine) - len(kept),
    )


def _series(key: CellKey, one: Newest, axes: list[str], changes: Sequence[Change], kind: str) -> ChartSeries:
    points, runs = one.points, one.points.runs
    marks = {change.run_id: change.word for change in changes if change.cell == key}
    marked = [place for place, code in enumerate(points.run[one.series].tolist()) if runs.run_id[code] in marks]
    places = one.series[-1:] if kind == "bars" else one.series[thinned(points.value[one.series], marked)]
    codes = points.run[places]
    drawn = zip(codes.tolist(), runs.created_s[codes].tolist(), points.value[places].tolist(), strict=True)
    return ChartSeries(
        name=" ".join(value_on(key, axis) for axis in axes),
        key=key,
        points=tuple(
            ChartPoint(
                at_s=created_s,
                value=value,
                run_id=runs.run_id[code],
                commit=runs.commit[code],
                changed=marks.get(runs.run_id[code], ""),
            )
            for code, created_s, value in drawn
        ),
        total=len(one.series),
    )


def thinned(values: NDArray[np.float64], keep: Sequence[int] = (), most: int = DRAWN) -> NDArray[np.int64]:
    """Return the places of at most about `most` values, in order: of each stretch its lowest and its highest.

    The first, the last and those in `keep` always stay.
    """
    if len(values) <= most:
        return np.arange(len(values))
    stretches = np.array_split(np.arange(len(values)), most // 2)
    ends = [place for part in stretches for place in (part[values[part].argmin()], part[values[part].argmax()])]
    return np.unique(np.asarray([0, len(values) - 1, *keep, *ends], np.int64))
