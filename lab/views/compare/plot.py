"""The bars of `lab compare --plot`: values beside each other with their intervals, the best first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.compare.axis import SIDES, Table
from lab.analysis.compare.rows import Row
from lab.analysis.compare.values import DATED
from lab.core.text import printable
from lab.formats.metrics import format_value, metric
from lab.views.compare.layout import facts, has_numbers, judged
from lab.views.pictures import bars
from lab.views.table import FAINT, spaced

IN_ORDER = (*DATED, "depth", SIDES)  # axes whose order says something: these bars are a curve


def plots(found: Table, varying: Sequence[str], width: int) -> RenderableType:
    """Return the bars of every row that has numbers."""
    return spaced(Group(*_plot(found, row, varying, width)) for row in found.rows if has_numbers(row))


def _plot(found: Table, row: Row, varying: Sequence[str], width: int) -> Iterator[RenderableType]:
    better = "longer" if metric(row.cell.metric).better == "higher" else "shorter"
    where = " ".join([*facts(row, varying), metric(row.cell.metric).title])
    yield Text.assemble((where, "bold"), (f"  {better} is better", FAINT))
    values = by_rank(found, row)
    numbers = [format_value(row.cell.metric, _value(row, value)) for value in values]
    wide = max(map(len, numbers), default=0)
    lines = [
        (printable(value), _value(row, value), _interval(row, value), f"{number:>{wide}} {_verdict(row, value)}")
        for value, number in zip(values, numbers, strict=True)
    ]
    yield Text("\n".join(bars(lines, width)), no_wrap=True)


def by_rank(found: Table, row: Row) -> list[str]:
    """Return the values, best first; those without a number last."""
    if found.axis in IN_ORDER:
        return list(found.values)
    sign = -1 if metric(row.cell.metric).better == "higher" else 1
    with_numbers = sorted(row.measured, key=lambda value: sign * row.measured[value].value)
    return [*with_numbers, *(value for value in row.absent if value not in row.measured)]


def _value(row: Row, value: str) -> float | None:
    return row.measured[value].value if value in row.measured else None


def _interval(row: Row, value: str) -> tuple[float, float] | None:
    return row.measured[value].interval if value in row.measured else None


def _verdict(row: Row, value: str) -> str:
    verdict = row.verdicts.get(value) or row.absent.get(value)
    if verdict is None:
        return "reference" if row.verdicts and value in row.measured else ""
    is_told = verdict.word in ("new", "missing")  # by the number, or the lack of it
    return "" if is_told else judged(verdict).plain
