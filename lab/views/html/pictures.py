"""The pictures of one run: its samples, how its gaps are spread, and what ran over time. Drawn without a script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from statistics import median

import numpy as np

from lab.analysis.boards.charts import thinned
from lab.analysis.boards.detail import Sample
from lab.analysis.boards.histogram import Histogram
from lab.core.units import counted, human_seconds
from lab.formats.metrics import format_value
from lab.views.html.escape import text
from lab.views.html.plot import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Frame,
    Mark,
    frame_of,
    marks_svg,
    number_axis,
    value_axis,
)

Shown = Callable[[float], str]
DRAWN = 400  # points of one line


def samples_svg(metric: str, samples: Sequence[Sample], baseline: Sequence[Sample]) -> str:
    """Return a dot for each repetition in the order they ran, their median, and dashed that of the baseline run."""
    found = [(one.order, one.value) for one in samples if one.value is not None]
    before = [one.value for one in baseline if one.value is not None]
    if not found:
        return ""
    values = [value for _, value in found]
    frame = frame_of([order for order, _ in found], [*values, *before], may_log=False)
    dots = "".join(f'<circle class="dot" cx="{frame.x(at):.1f}" cy="{frame.y(one):.1f}" r="3.6"/>' for at, one in found)
    lines = _across("mid", frame.y(median(values)))
    told = (
        f"{counted(len(values), 'sample')} from {_ends(metric, values)}, median {format_value(metric, median(values))}"
    )
    if before:
        lines += _across("base", frame.y(median(before)), ' stroke-dasharray="5 4"')
        told += f"; baseline median {format_value(metric, median(before))}"
    numbers = number_axis(frame, lambda order: f"{order:.0f}", whole=True)
    return _picture(told, value_axis(frame, partial(format_value, metric)) + numbers + lines + dots)


def gaps_svg(found: Histogram) -> str:
    """Return the histogram of inter-token gaps with its percentiles marked."""
    most = max(found.counts)
    frame = Frame(start=found.edges_s[0], end=found.edges_s[-1], low=0.0, high=most * 1.1 or 1.0)
    bars = "".join(
        f'<rect class="bar-fill" x="{frame.x(low):.1f}" y="{frame.y(count):.1f}" '
        f'width="{max(frame.x(high) - frame.x(low) - 1, 1):.1f}" height="{HEIGHT - BOTTOM - frame.y(count):.1f}"/>'
        for low, high, count in zip(found.edges_s, found.edges_s[1:], found.counts, strict=False)
        if count
    )
    shares = [(name, value) for name, value in (("p50", found.p50_s), ("p90", found.p90_s), ("p99", found.p99_s))]
    known = [(name, value) for name, value in shares if value is not None]
    inside = [(name, value) for name, value in known if found.edges_s[0] <= value <= found.edges_s[-1]]
    marks = marks_svg(Mark("change s1", frame.x(value), name) for name, value in inside)
    told = f"{sum(found.counts) + found.above} gaps; " + ", ".join(f"{name} {human_seconds(at)}" for name, at in known)
    axis = number_axis(frame, human_seconds) + value_axis(frame, lambda count: f"{count:.0f}")
    return _picture(told, axis + bars + marks)


def lines_svg(
    lines: Sequence[tuple[Sequence[float], Sequence[float]]], name: str, value_as: Shown, at_as: Shown = human_seconds
) -> str:
    """Return lines of (places, values), written as `at_as` and `value_as` say; `name` says what they are."""
    values = [value for _, ys in lines for value in ys]
    frame = frame_of([at for xs, _ in lines for at in xs], values, may_log=False)
    paths = "".join(f'<polyline class="path" points="{_path(xs, ys, frame)}"/>' for xs, ys in lines)
    told = f"{name}: {value_as(min(values))} to {value_as(max(values))}"
    return _picture(told, value_axis(frame, value_as) + number_axis(frame, at_as) + paths)


def _path(xs: Sequence[float], ys: Sequence[float], frame: Frame) -> str:
    kept = thinned(np.asarray(ys, np.float64), (), DRAWN).tolist()
    return " ".join(f"{frame.x(xs[at]):.1f},{frame.y(ys[at]):.1f}" for at in kept)


def _ends(metric: str, values: Sequence[float]) -> str:
    return f"{format_value(metric, min(values))} to {format_value(metric, max(values))}"


def _across(kind: str, y: float, more: str = "") -> str:
    return f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"{more}/>'


def _picture(told: str, parts: str) -> str:
    left = f'<line class="grid-line" x1="{LEFT}" x2="{LEFT}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(told)}">{left}{parts}</svg>'
