"""The charts of a dashboard: lines over time with change points marked, and bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lab.analysis.boards.board import Chart, ChartPoint, ChartSeries
from lab.analysis.boards.charts import thinned
from lab.analysis.boards.lines import Line
from lab.core.units import counted
from lab.formats.metrics import format_value
from lab.views.html.escape import text
from lab.views.html.links import NO_LINKS, Links
from lab.views.html.plot import HEIGHT, WIDTH, Frame, Mark, axes, frame_of, marks_svg
from lab.views.html.row_keys import RowKeys
from lab.views.html.sheet import Sheet, Spot

POINTS = 8_000  # of the whole page: it stays under 1.5 MB
LEAST = 24
STYLES = 8
NAMED = 12  # of the histories that are left out
FEW = 30  # points that each get a dot


def charts_html(charts: Sequence[Chart], sheet: Sheet, links: Links = NO_LINKS, keys: RowKeys | None = None) -> str:
    """Return every chart as a figure.

    `keys` are those of the rows above, so that a chart shows what the filter shows.
    """
    figures = [(chart.kind, _figure(chart, sheet, links, keys or RowKeys())) for chart in thinner(charts)]
    parts = []
    for kind, title in (("history", "Histories"), ("bars", "Newest values")):
        mine = "".join(figure for of, figure in figures if of == kind)
        parts.append(f'<section class="charts"><h2>{title}</h2><div class="grid">{mine}</div></section>' * bool(mine))
    return "".join(parts)


def thinner(charts: Sequence[Chart]) -> list[Chart]:
    """The charts with so few points that the page stays small: of each stretch the lowest and the highest."""
    lines = sum(len(chart.series) for chart in charts) or 1
    most = max(POINTS // lines, LEAST)
    return [replace(chart, series=tuple(_thinned(one, most) for one in chart.series)) for chart in charts]


def _thinned(series: ChartSeries, most: int) -> ChartSeries:
    marked = [place for place, point in enumerate(series.points) if point.changed or point.seam]
    kept = thinned(np.array([point.value for point in series.points]), marked, most)
    return replace(series, points=tuple(series.points[place] for place in kept.tolist()))


def _figure(chart: Chart, sheet: Sheet, links: Links, keys: RowKeys) -> str:
    return _bars(chart, links, keys) if chart.kind == "bars" else _history(chart, sheet, links, keys)


def _history(chart: Chart, sheet: Sheet, links: Links, keys: RowKeys) -> str:
    points = [point for one in chart.series for point in one.points]
    frame = frame_of([point.at_s for point in points], [point.value for point in points])
    number = sheet.chart(_spots(chart.metric, one, frame) for one in chart.series)
    lines = "".join(_line(one, frame, place) for place, one in enumerate(chart.series))
    marks = marks_svg(mark for place, one in enumerate(chart.series) for mark in _marks(one, frame, place))
    count = len(chart.series)
    name = f"{text(chart.title)}: {count} {'history' if count == 1 else 'histories'}; arrow keys read their points"
    return (
        f'<figure class="history" data-chart="{number}"><figcaption>{text(chart.title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" tabindex="0" aria-label="{name}">'
        f'{axes(frame, chart.metric)}{lines}{marks}<circle class="cursor" r="4.5"/></svg>{_legend(chart, links, keys)}'
        f'<p class="faint">{_counts(chart, links)}</p></figure>'
    )


def _spots(metric: str, series: ChartSeries, frame: Frame) -> Iterator[Spot]:
    for point in series.points:
        says = format_value(metric, point.value)
        where = (frame.x(point.at_s), frame.y(point.value))
        yield Spot(*where, says, point.run_id, point.at_s, point.commit, point.changed or point.seam)


def _line(series: ChartSeries, frame: Frame, place: int) -> str:
    places = [(frame.x(point.at_s), frame.y(point.value)) for point in series.points]
    path = " ".join(f"{x:.0f},{y:.1f}" for x, y in places)
    few = "".join(f'<circle cx="{x:.0f}" cy="{y:.1f}" r="2.2"/>' for x, y in places) if len(places) <= FEW else ""
    return f'<g class="series s{place % STYLES}" data-series="{place}"><polyline points="{path}"/>{few}</g>'


def _marks(series: ChartSeries, frame: Frame, place: int) -> Iterator[Mark]:
    for point in series.points:
        if point.changed or point.seam:
            yield _mark(point, frame, f"s{place % STYLES}")


def _mark(point: ChartPoint, frame: Frame, style: str) -> Mark:
    """A change point, or a change of conditions."""
    if point.changed:
        return Mark(f"change {style}", frame.x(point.at_s), point.changed, point.seam)
    return Mark(f"seam {style}", frame.x(point.at_s), "conditions", point.seam)


def _legend(chart: Chart, links: Links, keys: RowKeys) -> str:
    items = "".join(
        f'<li><button type="button" class="s{place % STYLES}" data-series="{place}" aria-pressed="true"'
        f'{keys.of_series(one.key)}><svg class="key" width="26" height="10" aria-hidden="true">'
        f'<line x1="1" x2="25" y1="5" y2="5"/></svg>{text(one.name)}'
        f" <b>{text(format_value(chart.metric, one.points[-1].value))}</b></button>{_page(one, links)}</li>"
        for place, one in enumerate(chart.series)
    )
    return f'<ul class="legend">{items}</ul>'


def _page(series: ChartSeries, links: Links) -> str:
    """A link to the page of the series, where it has one."""
    line = Line(series.key, series.under)
    return f" {links.place(line, 'page')}" if line.base in links.series else ""


def _counts(chart: Chart, links: Links) -> str:
    """Of how many sessions points are drawn, and which lines are not there."""
    drawn, total = (sum(counts) for counts in zip(*((len(one.points), one.total) for one in chart.series), strict=True))
    sessions = counted(total, "session")
    told = sessions if drawn == total else f"{drawn} of {total} sessions drawn: extremes of each stretch"
    more = "1 more history" if chart.left_out == 1 else f"{chart.left_out} more histories"
    return told + (f"; {more} left out: {_left_out(chart, links)}" if chart.left_out else "")


def _left_out(chart: Chart, links: Links) -> str:
    """The names of those that have no line, as many as there is room for; all where they have pages."""
    pairs = zip(chart.left_out_names, chart.left_out_lines, strict=True)
    names = [links.place(line, text(name)) for name, line in pairs]
    shown = names if links.series else names[:NAMED]
    return ", ".join(shown) + (" ..." if chart.left_out > len(shown) else "")


def _bars(chart: Chart, links: Links, keys: RowKeys) -> str:
    most = max(one.points[-1].value for one in chart.series) or 1.0
    rows = "".join(
        f'<tr{keys.of_series(one.key)}><th scope="row">{links.place(Line(one.key, one.under), text(one.name))}</th>'
        f'<td class="number">{text(format_value(chart.metric, one.points[-1].value))}</td>'
        f'<td class="bar"><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{max(one.points[-1].value, 0) / most * 100:.1f}" height="8"/></svg></td></tr>'
        for one in chart.series
    )
    left = f'<p class="faint">{chart.left_out} more left out: {_left_out(chart, links)}</p>' if chart.left_out else ""
    return f'<figure><figcaption>{text(chart.title)}</figcaption><table class="bars">{rows}</table>{left}</figure>'
