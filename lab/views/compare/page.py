"""`lab compare` for people: what all have in common once, then what differs, a column for each value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.compare.axis import Row, Table
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.key import STATUS
from lab.analysis.points.named import label
from lab.core.names import RUN_ID
from lab.core.text import clipped, printable
from lab.formats.metrics import NOT_MEASURED, format_value, metric
from lab.formats.test import Test
from lab.views.pictures import bars
from lab.views.table import CAUTION, FAINT, left, right, spaced, table, verdict_style

NAMES = {
    "target": "Target",
    "model": "Model",
    "engine": "Engine",
    "test": "Test",
    "ran_on": "Ran on",
    "settings": "Settings",
}
COLUMN = 16  # of a value with its word
LISTED = 4
NARROW = 70  # below it the interval within a session gives way


def axis_table(found: Table, width: int, *, plot: bool = False) -> RenderableType:
    """The whole page for a terminal of `width` columns."""
    facts = {name: [_fact(row, name) for row in found.rows] for name in NAMES}
    common = {name: values[0] for name, values in facts.items() if len(set(values)) == 1 and values[0]}
    varying = [name for name, values in facts.items() if len(set(values)) > 1]
    if "ran_on" in varying and len({(row.cell, row.ran_on) for row in found.rows}) == len(
        {row.cell for row in found.rows}
    ):
        varying.remove("ran_on")  # the engine says it already
    body: list[RenderableType] = [_plots(found, varying, width)] if plot else list(_tables(found, varying, width))
    return spaced([_heading(found, common), *body, *_reasons(found, varying), Text(_legend(found, width), FAINT)])


def _fact(row: Row, name: str) -> str:
    cell = row.cell
    if name == "ran_on":
        return row.ran_on
    if name == "settings":
        return label(row.settings)
    return Test.of(cell).label if name == "test" else str(getattr(cell, name))


def _heading(found: Table, common: dict[str, str]) -> RenderableType:
    title = Text(f"{found.axis}: {', '.join(map(printable, found.values))}", "bold")
    same = ", ".join(f"{name} {printable(value)}" for name, value in common.items())
    lines = [Text(f"{value} against {found.baseline}: {note}", FAINT) for value, note in _notes(found)]
    return Group(title, *([Text(f"all: {same}")] if same else []), *lines)


def _notes(found: Table) -> Iterator[tuple[str, str]]:
    for value, notes in found.notes.items():
        for note in notes:
            yield printable(value), printable(note)


def _tables(found: Table, varying: Sequence[str], width: int) -> Iterator[RenderableType]:
    """As many values side by side as the terminal has room for, the baseline in front each time."""
    rows = [row for row in found.rows if _has_numbers(row)]
    taken = sum(max((len(_fact(row, name)) for row in rows), default=0) + 2 for name in varying) + len("Peak memory  ")
    many = max((width - taken) // COLUMN - 1, 1)
    others = [value for value in found.values[1:] if any(_has_numbers(row, [value]) for row in rows)]
    if silent := [printable(value) for value in found.values[1:] if value not in others]:
        yield Text(f"no metric that {printable(found.baseline)} measured too: {', '.join(silent)}")
    for start in range(0, len(others), many):
        yield _rows(found, varying, (found.baseline, *others[start : start + many]), _has_interval(found, width))


def _rows(found: Table, varying: Sequence[str], values: Sequence[str], within: bool) -> RenderableType:
    counts = {value: len(found.runs[value]) for value in values}
    heads = [f"{_head(value)}\n{counts[value]} run{'s' * (counts[value] != 1)}" for value in values]
    columns = [*(left(NAMES[name]) for name in varying), left("Metric", fold=False), *map(right, heads)]
    columns += [right("within a\nsession")] if within else []
    rows = [(_facts(row, varying), _cells(row, values, within)) for row in found.rows if _has_numbers(row, values)]
    before: list[list[str]] = [[], *(facts for facts, _ in rows)]
    named = zip(before, rows, strict=False)  # what the line above says already is not said again
    return table(columns, [[*([""] * len(facts) if facts == last else facts), *rest] for last, (facts, rest) in named])


def _head(value: str) -> str:
    """The value; the id of a run takes two lines, so that two of them have room beside each other."""
    return "-\n".join(printable(value).rsplit("-", 1)) if re.match(RUN_ID, value) else printable(value)


def _facts(row: Row, varying: Sequence[str]) -> list[str]:
    return [printable(_fact(row, name)) for name in varying]


def _has_numbers(row: Row, values: Sequence[str] | None = None) -> bool:
    """Whether two of the values (None: of all) have something to hold against each other."""
    found = (verdict for value, verdict in row.verdicts.items() if values is None or value in values)
    return row.cell.metric != STATUS and any(verdict.ratio is not None for verdict in found)


def _has_interval(found: Table, width: int) -> bool:
    """Whether these are two single runs, each with enough repetitions, and there is room to say so."""
    return width >= NARROW and any(row.within is not None for row in found.rows)


def _cells(row: Row, values: Sequence[str], within: bool) -> list[str | Text]:
    name = row.cell.metric
    others = [_judged(name, row.verdicts.get(value)) for value in values[1:]]
    return [metric(name).title, format_value(name, row.a), *others, *([_within(row)] if within else [])]


def _within(row: Row) -> str:
    return NOT_MEASURED if row.within is None else "{:.3f}\nto {:.3f}".format(*row.within)


def _judged(name: str, verdict: Verdict | None) -> str | Text:
    """The value, and below it ratio and word."""
    if verdict is None:
        return NOT_MEASURED
    ratio = "" if verdict.ratio is None else f"{verdict.ratio:.2f} "
    return Text.assemble(
        format_value(name, verdict.b), "\n", (f"{ratio}{verdict.word.replace('-', ' ')}", verdict_style(verdict.word))
    )


def _reasons(found: Table, varying: Sequence[str]) -> Iterator[RenderableType]:
    """What has no numbers to compare, each reason once with all that it is about."""
    about: dict[tuple[str, str], dict[str, None]] = {}
    for row in found.rows:
        for value, verdict in row.verdicts.items():
            if verdict.ratio is None:
                whole = row.cell.metric == STATUS
                what = " ".join(filter(None, _facts(row, varying))) or "all" if whole else metric(row.cell.metric).title
                word = f"{verdict.word.replace('-', ' ')}: {clipped(verdict.reason)}"
                about.setdefault((printable(value), word), {})[what] = None
    if about:
        lines = [f"{value}: {word}: {_some(list(whats))}" for (value, word), whats in about.items()]
        yield Text("\n".join(lines), CAUTION)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _plots(found: Table, varying: Sequence[str], width: int) -> RenderableType:
    return spaced(Group(*_plot(found, row, varying, width)) for row in found.rows if _has_numbers(row))


def _plot(found: Table, row: Row, varying: Sequence[str], width: int) -> Iterator[RenderableType]:
    name = row.cell.metric
    better = "longer" if metric(name).better == "higher" else "shorter"
    where = " ".join([*_facts(row, varying), metric(name).title])
    yield Text.assemble((where, "bold"), (f"  {better} is better", FAINT))
    values = {found.baseline: row.a, **{value: verdict.b for value, verdict in row.verdicts.items()}}
    named = [(printable(value), values.get(value), _said(row, value, values.get(value))) for value in found.values]
    yield Text("\n".join(bars(named, width)), no_wrap=True)


def _said(row: Row, value: str, number: float | None) -> str:
    verdict = row.verdicts.get(value)
    word = "" if verdict is None else f" {verdict.word.replace('-', ' ')}"
    return f"{format_value(row.cell.metric, number)}{word}"


def _legend(found: Table, width: int) -> str:
    few = any(verdict.word == "unproven" for row in found.rows for verdict in row.verdicts.values())
    base = printable(found.baseline)
    lines = [f"Ratios and words are against {base} (side A of the reasons); each run is one session."]
    within = "within a session: 95 % interval of the ratio by repetitions; another session may say otherwise."
    unproven = "unproven: too few sessions, or too much noise, to tell."
    return "\n".join([*lines, *[within] * _has_interval(found, width), *[unproven] * few])
