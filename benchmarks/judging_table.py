"""The table of `python -m benchmarks.judging`, and whether any rule is better than lab over all of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.judging_signals import CELLS, PLANTED
from lab.core.units import percent

NOISIER = "lab, noisier"
OURS = "lab"


@dataclass(frozen=True)
class Row:
    """By rule, for each matrix of 500 cells it judged: false alarms, and how many planted losses it found.

    A rule that is slow judged the first few matrices alone; those are the same for all.
    """

    case: str
    noise: str
    bar: str
    planted: bool
    false_alarms: dict[str, list[int]]
    found: dict[str, list[int]]


@dataclass(frozen=True)
class Score:
    """What a rule and lab came to over the matrices that the rule judged."""

    rule: str
    matrices: int
    planted: int
    false: int
    found: int
    false_ours: int
    found_ours: int

    @property
    def is_better(self) -> bool:
        """Whether it has both fewer false alarms and more finds than lab."""
        return self.false < self.false_ours and self.found > self.found_ours

    @property
    def is_above(self) -> bool:
        """Whether it has no more false alarms, no fewer finds, and is better in one of both."""
        apart = (self.false, self.found) != (self.false_ours, self.found_ours)
        return apart and self.false <= self.false_ours and self.found >= self.found_ours


def render(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines: Markdown of means a matrix, the sums over the table, and who is better."""
    rules = [name for name in rows[-1].found if name != NOISIER]
    yield "| Signal; noise | " + " | ".join([*rules, NOISIER]) + " |"
    yield "|---" * (len(rules) + 2) + "|"
    for row in rows:
        yield f"| {row.case}; {row.noise} | " + " | ".join(_cell(row, rule) for rule in [*rules, NOISIER]) + " |"
    yield ""
    for which, chosen in _parts(rows):
        scores = [score(chosen, rule) for rule in rules if not rule.startswith(OURS)]
        yield f"Over {which}, on the matrices that each rule judged:"
        yield from map(_line, scores)
        yield f"Fewer false alarms and more finds than lab: {_names(one for one in scores if one.is_better)}."
        yield f"As good in one and better in the other: {_names(one for one in scores if one.is_above)}."
        yield ""


def _parts(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    """The whole table, its rows with losses, those of each noise, and each row with losses."""
    yield "every row", list(rows)
    yield "the rows with losses", [row for row in rows if row.planted]
    for noise in dict.fromkeys(row.noise for row in rows if row.planted):
        yield f"every row of noise {noise}", [row for row in rows if row.noise == noise]
    for row in rows:
        if row.planted:
            yield f"{row.case}; {row.noise}", [row]


def _names(scores: Iterable[Score]) -> str:
    return ", ".join(one.rule for one in scores) or "no rule"


def score(rows: Sequence[Row], rule: str) -> Score:
    """Return the sums of a rule over rows, and those of lab over the same matrices."""
    many = [len(row.false_alarms[rule]) for row in rows]
    pairs = list(zip(rows, many, strict=True))
    return Score(
        rule,
        sum(many),
        sum(n * PLANTED for row, n in pairs if row.planted),
        sum(sum(row.false_alarms[rule]) for row in rows),
        sum(sum(row.found.get(rule, ())) for row in rows),
        sum(sum(row.false_alarms[OURS][:n]) for row, n in pairs),
        sum(sum(row.found.get(OURS, ())[:n]) for row, n in pairs),
    )


def _cell(row: Row, rule: str) -> str:
    alarms, found = row.false_alarms.get(rule, []), row.found.get(rule, [])
    mean = f"{sum(alarms) / len(alarms):.2f}" if alarms else "-"
    return f"{percent(sum(found) / len(found) / PLANTED, 1)}, {mean}" if found else mean


def _line(one: Score) -> str:
    ours = f"lab {one.found_ours} and {one.false_ours}"
    of = f"{one.matrices} matrices of {CELLS} cells, {one.planted} losses"
    return f"- {one.rule}: found {one.found}, false alarms {one.false}; {ours} ({of})"
