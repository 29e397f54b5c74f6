"""`lab regressions` for people: a block of two lines for each change of level, what needs somebody first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from lab.analysis.exchange.writers.anonymise import is_public
from lab.analysis.history.change_points import MIN_POINTS
from lab.analysis.history.changed import Changed
from lab.analysis.history.regression import Regression
from lab.analysis.history.regressions import History
from lab.analysis.judging.sides import FLOOR
from lab.analysis.points.key import Fields
from lab.analysis.points.named import label
from lab.core.text import printable
from lab.core.units import change_size
from lab.formats.metrics import format_value, metric
from lab.formats.test import Test
from lab.formats.verdicts import word_label
from lab.views.markdown import escaped, markdown_table
from lab.views.pictures import change_sparkline
from lab.views.table import CAUTION, FAINT, left, right, spaced, table, verdict_style

SPARK, SPARK_NARROW = 24, 10
NARROW = 100
LISTED = 5  # changes of conditions
NO_SERIES = "Not enough data: a series needs at least {count} sessions."


def regressions_table(history: History, shown: Sequence[tuple[int, Regression]], width: int) -> RenderableType:
    """The changes with their numbers (from 1), then what was judged and what to do next."""
    parts: list[RenderableType] = [Group(_table(shown, width), *_seams(shown))] if shown else []
    parts += [Group(*lines)] if (lines := _conditions(history, shown)) else []
    clocks = [Text(f"left out: {printable(run)}: {problem}", CAUTION) for run, problem in history.clocks.items()]
    return spaced([*parts, Group(*(Text(line, FAINT) for line in _summary(history, shown))), *clocks])


def regressions_markdown(history: History, shown: Sequence[tuple[int, Regression]]) -> str:
    """The same to paste into an issue; a setting whose name says that it names a host or a person is left out."""
    public = [(number, replace(one, settings=_public(one.settings))) for number, one in shown]
    table_ = [markdown_table(_columns(), [_row(number, one, SPARK) for number, one in public])] if shown else []
    summary = "\n".join(f"- {escaped(line)}" for line in _summary(history, shown))
    return "\n\n".join(["### lab regressions", *table_, summary]) + "\n"


def _public(settings: Fields) -> Fields:
    return tuple((name, text if is_public(name, text) else "...") for name, text in settings)


def _columns() -> list[Column]:
    return [right("#"), left("Cell"), left("History"), left("Change", fold=False), left("Since", fold=False)]


def _table(shown: Sequence[tuple[int, Regression]], width: int) -> RenderableType:
    bars = SPARK if width >= NARROW else SPARK_NARROW
    return table(_columns(), (_row(number, one, bars) for number, one in shown))


def _row(number: int, change: Regression, bars: int) -> list[str | Text]:
    return [str(number), _cell(change), _history(change, bars), _change(change), _since(change)]


def _cell(change: Regression) -> str:
    cell = change.cell
    names = " ".join(printable(name) for name in (cell.target, cell.model, cell.engine))
    test = Test.of(cell).label
    settings = f"\n{label(change.settings)}" if change.settings else ""
    return f"{names}\n{test} {metric(cell.metric).title}{settings}"


def _seams(shown: Sequence[tuple[int, Regression]]) -> Iterator[Text]:
    """What of the conditions changed where the level did: the cause, as likely as not."""
    for number, change in shown:
        for seam in change.here:
            yield Text(f"{number}: conditions changed here: {', '.join(seam.changes)}", CAUTION)
        if change.columns:
            yield Text(f"{number}: columns came or went here, at their default: {', '.join(change.columns)}", FAINT)


def _conditions(history: History, shown: Sequence[tuple[int, Regression]]) -> list[Text]:
    """The changes of conditions, the newest first, without those that stand beside a change of level already.

    One that nothing can be compared with is no faint remark: a loss there would be seen nowhere.
    """
    told = {seam.changes for _, change in shown for seam in change.here}
    rest = [one for one in history.conditions if not one.compared or one.changes not in told]
    lines = [Text(_changed(one), FAINT if one.compared else CAUTION) for one in rest[:LISTED]]
    more = len(rest) - len(lines)
    return [*lines, *([Text(f"and {more} earlier changes of conditions", FAINT)] if more else [])]


def _changed(one: Changed) -> str:
    cells = dict.fromkeys(f"{printable(cell.target)} {printable(cell.model)}" for cell in one.cells)
    first = next(iter(cells))
    where = first if len(cells) == 1 else f"{first} and {len(cells) - 1} more"
    what = "the history goes on" if one.compared else "not compared with what was before"
    return f"new conditions from {one.run_id} on, {where}: {', '.join(one.changes)}; {what}"


def _history(change: Regression, bars: int) -> str:
    values = [format_value(change.cell.metric, value) for value in (change.before, change.after)]
    return f"{change_sparkline(change.values, change.index, bars, FLOOR)}\n{values[0]} -> {values[1]}"


def _change(change: Regression) -> Text:
    size = change_size(change.ratio)
    return Text.assemble((f"{word_label(change.word)} {size}", verdict_style(change.word)), "\n", _state(change))


def _state(change: Regression) -> Text:
    if change.acknowledged is not None:
        return Text("accepted", FAINT)
    if change.open:
        return Text("open", CAUTION)
    return Text("fixed since" if change.is_worse else "", FAINT)


def _since(change: Regression) -> str:
    old, new = (printable(commit)[:9] for commit in change.commits)
    if not new:
        return f"{change.run_id}\nno commit on record"
    return f"{change.run_id}\n{'same commit ' + new if old == new else (old or '?') + '..' + new}"


def _order(history: History) -> list[str]:
    """By what the histories are ordered."""
    if history.order is None or not history.order.known:
        return ["Ordered by date."]
    known, moved = history.order.known, history.order.moved
    ways = {"git": "by git", "build number": "by build number", "date": "by the date of a commit's first run"}
    counted = [f"{ways[name]} ({count} commit{'' if count == 1 else 's'})" for name, count in known.items()]
    again = [f"Runs of commits that were measured again, or later than newer ones: {moved}, at their place."]
    return [f"Ordered {', '.join(counted)}.", *(again if moved else [])]


def _summary(history: History, shown: Sequence[tuple[int, Regression]]) -> list[str]:
    if not history.judged:
        lines = [NO_SERIES.format(count=MIN_POINTS)]
        return [*lines, *(["Until then: lab compare A B compares two runs."] if history.short else [])]
    lines = [f"{history.judged} series judged, {history.short} too short (under {MIN_POINTS} sessions)."]
    lines += _order(history)
    hidden = len(history.changes) - len(shown)
    if hidden:
        lines.append(f"{hidden} more are improvements or fixed since: --all shows them.")
    if not any(change.open for change in history.changes):
        return ["No open regression.", *lines]
    first = next((number for number, change in shown if change.open), None)
    return lines if first is None else [*lines, f'Accept the new level: lab ack {first} --reason "why it is right"']
