"""How the numbers of `lab compare` are laid out: a column a value, or where those do not fit, a line a value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.table import Column
from rich.text import Text

from lab.analysis.boards.cell_text import plain_word
from lab.analysis.compare.axis import SIDES, Table
from lab.analysis.compare.rows import Row
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.key import STATUS
from lab.analysis.points.named import label
from lab.core.names import RUN_ID
from lab.core.text import printable
from lab.core.units import counted
from lab.formats.metrics import NOT_MEASURED, format_value, metric
from lab.formats.test import Test
from lab.views.table import left, right, verdict_style

NAMES = {
    "target": "Target",
    "model": "Model",
    "engine": "Engine",
    "test": "Test",
    "ran_on": "Ran on",
    "settings": "Settings",
}
NARROW = 70  # below it the interval within a session gives way
MANY = 6  # values that Markdown, which has no width, still has a column each for
SHORT = 24  # characters of a name that may stand above a column of numbers
BEST = " *"
UNRANKED = (SIDES, "depth")  # axes of which nobody chooses the best value

Content = str | Text
Lines = list[list[Content]]


@dataclass(frozen=True)
class Sheet:
    """One table, with what it is of where there are several."""

    title: str
    columns: list[Column]
    rows: Lines


def fact(row: Row, name: str) -> str:
    """Return what a row is of, by a name of NAMES."""
    if name == "ran_on":
        return row.ran_on
    if name == "settings":
        return label(row.settings)
    return Test.of(row.cell).label if name == "test" else str(getattr(row.cell, name))


def facts(row: Row, varying: Sequence[str]) -> list[str]:
    """Return what tells the row from others, made printable."""
    return [printable(fact(row, name)) for name in varying]


def has_numbers(row: Row) -> bool:
    """Whether two of the values have something to compare; the reference need not be one of them."""
    compared = any(verdict.ratio is not None for verdict in row.verdicts.values())
    return row.cell.metric != STATUS and (compared or len(row.measured) > 1)


def sheets(found: Table, varying: Sequence[str], width: int | None) -> Iterator[Sheet]:
    """Yield the tables for a terminal of `width` columns, None for a page that has no width."""
    rows = [row for row in found.rows if has_numbers(row)]
    if not rows:
        return
    values = [value for value in found.values if any(_speaks(row, value) for row in rows)]
    wide = _by_column(found, rows, varying, values, width)
    fits = len(values) <= MANY if width is None else _width(wide.columns, wide.rows) <= width
    if fits or len(values) <= 2:
        yield wide
    else:
        yield from _by_line(found, rows, varying, values, width)


def has_interval(found: Table, width: int | None) -> bool:
    """Whether these are two single runs, each with enough repetitions, and there is room to say so."""
    return (width is None or width >= NARROW) and any(row.within is not None for row in found.rows)


def _speaks(row: Row, value: str) -> bool:
    return value in row.measured or value in row.verdicts


def _by_column(
    found: Table, rows: Sequence[Row], varying: Sequence[str], values: Sequence[str], width: int | None
) -> Sheet:
    within = has_interval(found, width)
    heads = [f"{_head(value)}\n{_runs(found, value)}" for value in values]
    columns = [*(left(NAMES[name]) for name in varying), left("Metric", fold=False), *map(right, heads)]
    columns += [right("within a\nsession")] if within else []
    lines: Lines = []
    before: list[str] = []
    for row in rows:
        names = facts(row, varying)  # what the line above says already is not said again
        numbers = [_cell(found, row, value) for value in values]
        said = [""] * len(names) if names == before else names
        lines.append([*said, metric(row.cell.metric).title, *numbers, *([_within(row)] if within else [])])
        before = names
    return Sheet("", columns, lines)


def _by_line(
    found: Table, rows: Sequence[Row], varying: Sequence[str], values: Sequence[str], width: int | None
) -> Iterator[Sheet]:
    """A line a value: of one metric a column for each test, else a table for each test and a column a metric."""
    names = [" ".join(facts(row, varying)) for row in rows]
    if len({row.cell.metric for row in rows}) == 1 and max(map(len, names)) <= SHORT and len(set(names)) == len(names):
        title = metric(rows[0].cell.metric).title
        yield from _columns_of(
            found, rows, names if any(names) else [title], values, title if any(names) else "", width
        )
        return
    for name in dict.fromkeys(names):
        mine = [row for row, of in zip(rows, names, strict=True) if of == name]
        yield from _columns_of(found, mine, [metric(row.cell.metric).title for row in mine], values, name, width)


def _columns_of(
    found: Table, rows: Sequence[Row], heads: Sequence[str], values: Sequence[str], title: str, width: int | None
) -> Iterator[Sheet]:
    """As many of the rows as columns side by side as there is room for."""
    shown = [value for value in values if any(_speaks(row, value) for row in rows)]
    first = [left(found.axis.capitalize(), fold=False), right("Runs")]
    names: Lines = [[printable(value), str(len(found.runs[value]))] for value in shown]
    cells = [[_cell(found, row, value) for value in shown] for row in rows]
    start = 0
    while start < len(rows):
        stop = start + 1
        while stop < len(rows) and _fits(first, names, heads, cells, start, stop + 1, width):
            stop += 1
        lines = [[*name, *(column[at] for column in cells[start:stop])] for at, name in enumerate(names)]
        yield Sheet(title, [*first, *map(right, heads[start:stop])], lines)
        start = stop


def _fits(
    first: Sequence[Column],
    names: Lines,
    heads: Sequence[str],
    cells: Sequence[Sequence[Content]],
    start: int,
    stop: int,
    width: int | None,
) -> bool:
    if width is None:
        return True
    taken = _width(first, names)
    return taken + sum(_widest([heads[at], *cells[at]]) + 2 for at in range(start, stop)) <= width


def _width(columns: Sequence[Column], rows: Lines) -> int:
    """How many terminal columns the table takes when nothing is folded."""
    return sum(_widest([str(column.header), *(row[at] for row in rows)]) + 2 for at, column in enumerate(columns))


def _widest(texts: Sequence[Content]) -> int:
    plain = (text.plain if isinstance(text, Text) else text for text in texts)
    return max(len(line) for text in plain for line in text.split("\n"))


def _head(value: str) -> str:
    """The value; the id of a run takes two lines, so that two of them have room beside each other."""
    return "-\n".join(printable(value).rsplit("-", 1)) if re.match(RUN_ID, value) else printable(value)


def _runs(found: Table, value: str) -> str:
    return counted(len(found.runs[value]), "run")


def _cell(found: Table, row: Row, value: str) -> Content:
    """The number, marked where it is best of several, and below it the ratio and the verdict."""
    own = row.measured.get(value)
    verdict = row.verdicts.get(value)
    number = own.value if own is not None else row.a if value == found.reference else None
    if number is None:
        return _absent(verdict or row.absent.get(value))
    name = row.cell.metric
    mark = BEST if row.best == value and found.axis not in UNRANKED else ""
    text = Text(f"{format_value(name, number)}{mark}")
    return text if verdict is None else Text.assemble(text, "\n", judged(verdict))


def judged(verdict: Verdict) -> Text:
    """Return the ratio and the verdict: 0.88 slower."""
    ratio = "" if verdict.ratio is None else f"{verdict.ratio:.2f} "
    return Text(f"{ratio}{plain_word(verdict.word)}", verdict_style(verdict.word))


def _absent(verdict: Verdict | None) -> Content:
    """Why a value has no number: the verdict on its cell; a dash where it was not measured."""
    if verdict is None or verdict.word in ("missing", "new"):
        return NOT_MEASURED
    return Text(plain_word(verdict.word), verdict_style(verdict.word))


def _within(row: Row) -> str:
    return NOT_MEASURED if row.within is None else "{:.3f}\nto {:.3f}".format(*row.within)
