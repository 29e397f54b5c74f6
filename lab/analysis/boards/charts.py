"""The charts of a dashboard: histories thinned so that no change and no outlier gets lost, and newest values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lab.analysis.boards.apart import Apart
from lab.analysis.boards.axes import value_on
from lab.analysis.boards.board import Change, Chart, ChartPoint, ChartSeries
from lab.analysis.boards.lines import Line
from lab.analysis.boards.newest import Newest
from lab.formats.dashboard import ChartSpec, DashboardSpec
from lab.formats.metrics import metric

DRAWN = 400  # points of one line: more than a screen has columns for

NAMED = ("target", "model", "engine", "test")


def charts_of(
    spec: DashboardSpec, newest: Mapping[Line, Newest], changes: Sequence[tuple[Line, Change]], apart: Apart
) -> tuple[Chart, ...]:
    """Return the charts that the dashboard asks for, in its order; a history of one session is none."""
    found = [chart for one in spec.charts for chart in _charts(one, newest, changes, apart)]
    return tuple(chart for chart in found if chart.kind == "bars" or any(one.total > 1 for one in chart.series))


def _charts(
    spec: ChartSpec, newest: Mapping[Line, Newest], changes: Sequence[tuple[Line, Change]], apart: Apart
) -> list[Chart]:
    parts: dict[str, dict[Line, Newest]] = {}
    for line, one in newest.items():
        if line.cell.metric == spec.metric and len(one.sound):
            parts.setdefault(value_on(line.cell, spec.each) if spec.each else "", {})[line] = one
    return [_chart(spec, part, parts[part], changes, apart) for part in sorted(parts)]


def _chart(
    spec: ChartSpec, part: str, mine: dict[Line, Newest], changes: Sequence[tuple[Line, Change]], apart: Apart
) -> Chart:
    """The lines in which something changed and those with the most sessions, by name."""
    changed = {line for line, _ in changes}
    most = sorted(mine, key=lambda line: (line not in changed, -len(mine[line].sound), line))
    kept = sorted(most[: spec.lines], key=lambda line: (line.cell, apart.order(line)))
    named = _names(spec, list(mine), apart)
    left = sorted(most[spec.lines :], key=named.__getitem__)
    title = spec.title or metric(spec.metric).title
    return Chart(
        title=f"{title}: {part}" if part else title,
        kind=spec.kind,
        metric=spec.metric,
        series=tuple(_series(line, named[line], mine[line], changes, spec.kind) for line in kept),
        left_out=len(left),
        left_out_names=tuple(named[line] for line in left),
        left_out_lines=tuple(left),
    )


def _names(spec: ChartSpec, lines: Sequence[Line], apart: Apart) -> dict[Line, str]:
    """The name of each line: where it lies on the axes that tell lines of the chart apart, and its conditions."""
    told = {axis: {value_on(line.cell, axis) for line in lines} for axis in NAMED if axis != spec.each}
    axes = [axis for axis, values in told.items() if len(values) > 1]
    under = {line: line.under if "engine" in axes else apart.name(line) for line in lines}
    axes = axes or ([] if any(under.values()) else ["test"])
    return {
        line: " ".join(filter(None, (*(value_on(line.cell, axis) for axis in axes), under[line]))) for line in lines
    }


def _series(line: Line, name: str, one: Newest, changes: Sequence[tuple[Line, Change]], kind: str) -> ChartSeries:
    points, runs = one.points, one.points.runs
    marks = {change.run_id: change.word for at, change in changes if at == line}
    seams = {int(points.run[one.sound[at]]): what for at, what in one.seams}
    codes = points.run[one.sound].tolist()
    marked = [place for place, code in enumerate(codes) if runs.run_id[code] in marks or code in seams]
    places = one.sound[-1:] if kind == "bars" else one.sound[thinned(points.value[one.sound], marked)]
    codes = points.run[places]
    drawn = zip(codes.tolist(), runs.created_s[codes].tolist(), points.value[places].tolist(), strict=True)
    return ChartSeries(
        name=name,
        key=line.cell,
        points=tuple(
            ChartPoint(
                at_s=created_s,
                value=value,
                run_id=runs.run_id[code],
                commit=runs.commit[code],
                changed=marks.get(runs.run_id[code], ""),
                seam=seams.get(code, ""),
            )
            for code, created_s, value in drawn
        ),
        total=len(one.sound),
        under=line.under,
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
