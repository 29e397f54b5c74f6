"""The chart of one series: its sessions, the levels between its change points with their bands, and what changed."""

from __future__ import annotations

from collections.abc import Iterator

from lab.analysis.boards.cell_text import plain_word
from lab.analysis.history.regression import Regression
from lab.analysis.pages.history import BAND, MetricHistory, Session
from lab.core.units import change_size, counted
from lab.formats.metrics import format_value
from lab.views.html.escape import text
from lab.views.html.plot import HEIGHT, WIDTH, Frame, Mark, axes, frame_of, marks_svg
from lab.views.html.sheet import Sheet, Spot

DOTS = 120  # points that each get a dot
BAND_NAME = f"{BAND[0]}th to {BAND[1]}th percentile"


def history_svg(history: MetricHistory, title: str, sheet: Sheet, only: Regression | None = None) -> tuple[int, str]:
    """Return the number of the chart and its picture; `only` is the one change point that is named, else all are."""
    metric = history.line.cell.metric
    ends = [value for level in history.levels for value in (level.low, level.high)]
    frame = frame_of([one.at_s for one in history.sessions], [*(one.value for one in history.sessions), *ends])
    number = sheet.chart([_spots(history, frame)])
    parts = [axes(frame, metric), *_bands(history, frame), _points(history, frame), *_levels(history, frame)]
    parts.append(marks_svg(_marks(history, frame, only)))
    name = f"{title}: {summary(history)}; arrow keys read the sessions"
    return number, (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" tabindex="0" aria-label="{text(name)}">'
        f'{"".join(parts)}<circle class="cursor" r="4.5"/></svg>'
    )


def summary(history: MetricHistory) -> str:
    """Return the history in words: how many sessions, and each level."""
    metric = history.line.cell.metric
    levels = " → ".join(format_value(metric, level.value) for level in history.levels)
    drawn = len(history.sessions)
    part = "" if drawn == history.total else f" ({drawn} drawn: extremes of each stretch)"
    return f"{counted(history.total, 'session')}{part}, median {levels}"


def _spots(history: MetricHistory, frame: Frame) -> Iterator[Spot]:
    metric = history.line.cell.metric
    changed = {one.run_id: plain_word(one.word) for one in history.changes}
    for one in history.sessions:
        sd = f" ± {format_value(metric, one.sd)}" if one.sd is not None else ""
        note = changed.get(one.run_id, "") or one.seam
        says = format_value(metric, one.value) + sd
        yield Spot(frame.x(one.at_s), frame.y(one.value), says, one.run_id, one.at_s, one.commit, note)


def _bands(history: MetricHistory, frame: Frame) -> Iterator[str]:
    for level in history.levels:
        x, end = frame.x(level.start_s), frame.x(level.end_s)
        top, bottom = frame.y(level.high), frame.y(level.low)
        yield (
            f'<rect class="band" x="{x:.1f}" y="{top:.1f}" width="{max(end - x, 2):.1f}" '
            f'height="{max(bottom - top, 1):.1f}"/>'
        )


def _levels(history: MetricHistory, frame: Frame) -> Iterator[str]:
    for level in history.levels:
        y = frame.y(level.value)
        x, end = frame.x(level.start_s), max(frame.x(level.end_s), frame.x(level.start_s) + 2)
        yield f'<line class="level" x1="{x:.1f}" x2="{end:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _points(history: MetricHistory, frame: Frame) -> str:
    places = [(frame.x(one.at_s), frame.y(one.value)) for one in history.sessions]
    path = " ".join(f"{x:.0f},{y:.1f}" for x, y in places)
    few = "".join(f'<circle cx="{x:.0f}" cy="{y:.1f}" r="2"/>' for x, y in places) if len(places) <= DOTS else ""
    return f'<g class="series s0" data-series="0"><polyline points="{path}"/>{few}</g>'


def _marks(history: MetricHistory, frame: Frame, only: Regression | None) -> Iterator[Mark]:
    for one in history.changes:
        label = f"{plain_word(one.word)} {change_size(one.ratio)}"
        kind = "change" if only is None or one == only else "change other"
        yield Mark(kind, frame.x(one.created_s), label if only is None or one == only else "")
    yield from (_seam(one, frame) for one in history.sessions if one.seam)


def _seam(one: Session, frame: Frame) -> Mark:
    return Mark("seam", frame.x(one.at_s), "conditions", one.seam)
