"""`lab regressions` for people: a block of two lines for each change of level, what needs somebody first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.history.change_points import MIN_POINTS
from lab.analysis.history.regressions import History, Regression
from lab.core.metrics import format_value, metric
from lab.core.text import printable
from lab.measure.plan import Cell
from lab.views.spark import sparkline
from lab.views.table import BAD, CAUTION, FAINT, GOOD, left, right, spaced, table

STYLES = {"slower": BAD, "bigger": BAD, "faster": GOOD, "smaller": GOOD}
SPARK, SPARK_NARROW = 24, 10
NARROW = 100
NO_SERIES = "No cell has been measured often enough: a history is judged from {count} sessions on."


def regressions_table(history: History, shown: Sequence[tuple[int, Regression]], width: int) -> RenderableType:
    """The changes with their numbers (from 1), then what was judged and what to do next."""
    parts: list[RenderableType] = [_table(shown, width)] if shown else []
    clocks = [Text(f"left out: {printable(run)}: {problem}", CAUTION) for run, problem in history.clocks.items()]
    return spaced([*parts, Group(*(Text(line, FAINT) for line in _summary(history, shown))), *clocks])


def _table(shown: Sequence[tuple[int, Regression]], width: int) -> RenderableType:
    bars = SPARK if width >= NARROW else SPARK_NARROW
    columns = [right("#"), left("Cell"), left("History"), left("Change", fold=False), left("Since", fold=False)]
    return table(columns, (_row(number, one, bars) for number, one in shown))


def _row(number: int, change: Regression, bars: int) -> list[str | Text]:
    return [str(number), _cell(change), _history(change, bars), _change(change), _since(change)]


def _cell(change: Regression) -> str:
    cell = change.cell
    names = " ".join(printable(name) for name in (cell.target, cell.model, cell.engine))
    test = Cell(cell.prompt, cell.generate, cell.depth).label
    return f"{names}\n{test} {metric(cell.metric).title}"


def _history(change: Regression, bars: int) -> str:
    values = [format_value(change.cell.metric, value) for value in (change.before, change.after)]
    return f"{sparkline(change.values, bars)}\n{values[0]} -> {values[1]}"


def _change(change: Regression) -> Text:
    size = f"{abs(change.ratio - 1) * 100:.1f} %"
    return Text.assemble((f"{change.word} {size}", STYLES[change.word]), "\n", _state(change))


def _state(change: Regression) -> Text:
    if change.acknowledged is not None:
        return Text("accepted", FAINT)
    if change.open:
        return Text("open", CAUTION)
    return Text("made good" if change.is_worse else "", FAINT)


def _since(change: Regression) -> str:
    old, new = (printable(commit)[:9] for commit in change.commits)
    if not new:
        return f"{change.run_id}\nno commit on record"
    return f"{change.run_id}\n{'same commit ' + new if old == new else (old or '?') + '..' + new}"


def _summary(history: History, shown: Sequence[tuple[int, Regression]]) -> list[str]:
    if not history.judged:
        lines = [NO_SERIES.format(count=MIN_POINTS)]
        return [*lines, *(["Until then: lab compare A B holds two runs against each other."] if history.short else [])]
    lines = [f"{history.judged} series judged, {history.short} too short (under {MIN_POINTS} sessions)."]
    hidden = len(history.changes) - len(shown)
    if hidden:
        lines.append(f"{hidden} more that are for the better or made good since: --all shows them.")
    if not any(change.open for change in history.changes):
        return ["No open regression.", *lines]
    first = next((number for number, change in shown if change.open), None)
    return lines if first is None else [*lines, f'Accept a new level: lab ack {first} --reason "why it is right"']
