"""Charts: lines over time with changes of level marked, and bars. The script adds what a pointer asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from lab.analysis.boards.board import Chart, ChartPoint, ChartSeries
from lab.analysis.boards.charts import thinned
from lab.formats.metrics import format_value
from lab.views.html.escape import data, text
from lab.views.html.svg import ticks

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 76, 12, 14, 26
POINTS = 20_000  # of the whole page: it stays under 2 MB
LEAST = 24
STYLES = 8
NAMED = 12  # of the histories that are left out
DAY_S = 86_400


class Scale:
    """From seconds and values to places in the picture."""

    def __init__(self, series: Sequence[ChartSeries]) -> None:
        times = [point.at_s for one in series for point in one.points]
        values = [point.value for one in series for point in one.points]
        self.start, self.end = min(times), max(times)
        low, high = min(values), max(values)
        room = (high - low) * 0.06 or abs(high) * 0.05 or 1.0
        self.low, self.high = (max(low - room, 0.0) if low >= 0 else low - room), high + room

    def x(self, at_s: float) -> float:
        """Return where a time is; a single one is in the middle."""
        share = (at_s - self.start) / (self.end - self.start) if self.end > self.start else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return where a value is."""
        return TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def charts_html(charts: Sequence[Chart]) -> str:
    """Return every chart as a figure."""
    drawn = thinner(charts)
    figures = "".join(
        _bars(chart) if chart.kind == "bars" else _history(chart, place) for place, chart in enumerate(drawn)
    )
    return f'<section class="charts"><h2>Histories</h2><div class="grid">{figures}</div></section>' if drawn else ""


def data_json(charts: Sequence[Chart]) -> str:
    """Return what the script needs: places in the pictures, and what each point is of. Runs are named once."""
    runs: dict[tuple[str, int, str], int] = {}
    found = [_chart_data(chart, runs) for chart in thinner(charts)]
    return data({"runs": [list(run) for run in runs], "charts": found})


def thinner(charts: Sequence[Chart]) -> list[Chart]:
    """The charts with so few points that the page stays small: of each stretch the lowest and the highest."""
    lines = sum(len(chart.series) for chart in charts) or 1
    most = max(POINTS // lines, LEAST)
    return [replace(chart, series=tuple(_thinned(one, most) for one in chart.series)) for chart in charts]


def _thinned(series: ChartSeries, most: int) -> ChartSeries:
    marked = [place for place, point in enumerate(series.points) if _marked(point)]
    kept = thinned(np.array([point.value for point in series.points]), marked, most)
    return replace(series, points=tuple(series.points[place] for place in kept.tolist()))


def _marked(point: ChartPoint) -> bool:
    return bool(point.changed or point.seam)


def _chart_data(chart: Chart, runs: dict[tuple[str, int, str], int]) -> list[Any]:
    if chart.kind == "bars":
        return []
    scale = Scale(chart.series)
    return [
        [
            [
                runs.setdefault((point.run_id, point.at_s, point.commit[:12]), len(runs)),
                round(scale.x(point.at_s), 1),
                round(scale.y(point.value), 1),
                format_value(chart.metric, point.value),
                point.changed,
            ]
            for point in one.points
        ]
        for one in chart.series
    ]


def _history(chart: Chart, place: int) -> str:
    scale = Scale(chart.series)
    lines = "".join(_line(one, scale, number) for number, one in enumerate(chart.series))
    return (
        f'<figure class="history" data-chart="{place}"><figcaption>{text(chart.title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{len(chart.series)} histories">'
        f'{_axes(chart, scale)}{lines}<circle class="cursor" r="4.5"/></svg>{_legend(chart)}'
        f'<p class="faint">{_said(chart)}</p></figure>'
    )


def _axes(chart: Chart, scale: Scale) -> str:
    parts = []
    for value in {_value(chart, one): one for one in ticks(scale.low, scale.high)}.values():
        y = scale.y(value)
        parts.append(f'<line class="grid-line" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_value(chart, value)}</text>')
    ends = [(scale.start, "start", LEFT), (scale.end, "end", WIDTH - RIGHT)]
    for at_s, anchor, x in ends if scale.end > scale.start else ends[:1]:
        day = datetime.fromtimestamp(at_s, UTC).strftime(
            "%Y-%m-%d" if scale.end - scale.start > DAY_S else "%m-%d %H:%M"
        )
        parts.append(f'<text x="{x}" y="{HEIGHT - 6}" text-anchor="{anchor}">{day}</text>')
    return "".join(parts)


def _value(chart: Chart, value: float) -> str:
    return text(format_value(chart.metric, value))


def _line(series: ChartSeries, scale: Scale, number: int) -> str:
    places = [(scale.x(point.at_s), scale.y(point.value)) for point in series.points]
    path = " ".join(f"{x:.0f},{y:.1f}" for x, y in places)
    few = "".join(f'<circle cx="{x:.0f}" cy="{y:.1f}" r="2.6"/>' for x, y in places) if len(places) <= 30 else ""
    marks = "".join(_mark(point, scale) for point in series.points if _marked(point))
    return f'<g class="series s{number % STYLES}" data-series="{number}"><polyline points="{path}"/>{few}{marks}</g>'


def _mark(point: ChartPoint, scale: Scale) -> str:
    """A change of level, or of conditions: a line through the chart, and its word."""
    kind, word = ("change", point.changed) if point.changed else ("seam", "conditions")
    x, anchor = scale.x(point.at_s), "end" if scale.x(point.at_s) > WIDTH - 90 else "start"
    shift = -4 if anchor == "end" else 4
    return (
        f'<line class="{kind}" x1="{x:.0f}" x2="{x:.0f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text class="{kind}" x="{x + shift:.0f}" y="{TOP + 9}" text-anchor="{anchor}">{text(word)}'
        f"{f'<title>{text(point.seam)}</title>' if point.seam else ''}</text>"
    )


def _legend(chart: Chart) -> str:
    items = "".join(
        f'<li><button type="button" class="s{number % STYLES}" data-series="{number}" aria-pressed="true">'
        f'<svg class="key" width="26" height="10"><line x1="1" x2="25" y1="5" y2="5"/></svg>{text(one.name)}'
        f" <b>{_value(chart, one.points[-1].value)}</b></button></li>"
        for number, one in enumerate(chart.series)
    )
    return f'<ul class="legend">{items}</ul>'


def _said(chart: Chart) -> str:
    """Of how many sessions points are drawn, and which lines are not there."""
    drawn, total = (sum(counts) for counts in zip(*((len(one.points), one.total) for one in chart.series), strict=True))
    sessions = "1 session" if total == 1 else f"{total} sessions"
    said = sessions if drawn == total else f"{drawn} of {total} sessions drawn: extremes of each stretch"
    return said + (f"; {chart.left_out} more histories left out: {_left_out(chart)}" if chart.left_out else "")


def _left_out(chart: Chart) -> str:
    """The names of those that have no line, as many as there is room for."""
    names = [text(name) for name in chart.left_out_names[:NAMED]]
    return ", ".join(names) + (" ..." if chart.left_out > len(names) else "")


def _bars(chart: Chart) -> str:
    most = max(one.points[-1].value for one in chart.series) or 1.0
    rows = "".join(
        f'<tr><th scope="row">{text(one.name)}</th><td class="number">{_value(chart, one.points[-1].value)}</td>'
        f'<td class="bar"><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{max(one.points[-1].value, 0) / most * 100:.1f}" height="8"/></svg></td></tr>'
        for one in chart.series
    )
    left = f'<p class="faint">{chart.left_out} more left out: {_left_out(chart)}</p>' if chart.left_out else ""
    return f'<figure><figcaption>{text(chart.title)}</figcaption><table class="bars">{rows}</table>{left}</figure>'
