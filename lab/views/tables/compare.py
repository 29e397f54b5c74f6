"""`lab compare` for people: the words carry the verdict, colour only repeats it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.compare.runs import Comparison, Row
from lab.analysis.marks import ONE_SESSION
from lab.formats.metrics import NOT_MEASURED, format_value, metric
from lab.views.table import BAD, CAUTION, FAINT, GOOD, left, right, spaced, table

STYLES = {"slower": BAD, "bigger": BAD, "broke": BAD, "faster": GOOD, "smaller": GOOD, "fixed": GOOD}
STYLES |= {"unproven": CAUTION, "missing": CAUTION, "new": CAUTION}
NARROW = 70  # below it the interval gives way


def compare_table(found: Comparison, width: int) -> RenderableType:
    """The sides, what differs between them, a block for each test, and how to read the marks."""
    differences = [Text(f"   {note}", FAINT) for note in found.notes]
    sides = Group(Text(f"A  {found.a}"), Text(f"B  {found.b}"), *differences)
    tests = dict.fromkeys(row.cell for row in found.rows)
    blocks = [_block([row for row in found.rows if row.cell == test], width >= NARROW) for test in tests]
    return spaced([sides, *blocks, Text(_legend(found), FAINT)])


def _block(rows: Sequence[Row], wide: bool) -> RenderableType:
    """One test: its metrics, or one sentence where it has no numbers to compare."""
    heading = Text(rows[0].cell.label, "bold")
    if rows[0].metric is None:
        return Text.assemble(heading, "  ", _mark(rows[0]))
    columns = [left("Metric", fold=False), right("A"), right("B"), right("B / A")]
    columns += [right("95 % interval")] if wide else []
    return Group(heading, table([*columns, left("B is")], [_cells(row, wide) for row in rows]))


def _cells(row: Row, wide: bool) -> list[str | Text]:
    name = row.metric or ""
    values = [format_value(name, row.a), format_value(name, row.b)]
    ratio = NOT_MEASURED if row.ratio is None else f"{row.ratio:.3f}"
    interval = NOT_MEASURED if row.interval is None else "{:.3f} to {:.3f}".format(*row.interval)
    return [metric(name).title, *values, ratio, *([interval] if wide else []), _mark(row)]


def _mark(row: Row) -> Text:
    """The word; the reason too, unless it is one that the legend gives."""
    word = row.mark.replace("-", " ")
    if row.reason == ONE_SESSION:
        word += " (unproven)"
    elif row.reason and row.mark != "unproven":
        word += f": {row.reason}"
    return Text(word, STYLES.get(row.mark, ""))


def _legend(found: Comparison) -> str:
    lines = [
        f"same: the whole interval lies within {found.floor * 100:.0f} % of 1.",
        "unproven: the interval allows a difference and allows none.",
        "The interval covers what varies between repetitions within a session, and no more.",
    ]
    if any(row.reason == ONE_SESSION for row in found.rows):
        lines.append("(unproven): 1 session a side, so another session may say otherwise.")
    return "\n".join(lines)
