"""Lines that are measured no more, while their siblings are: their newest value is of another day, and says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lab.analysis.boards.cell_text import day_words
from lab.analysis.boards.lines import Line
from lab.analysis.boards.newest import Newest
from lab.analysis.points.key import CellKey

MISSED = 3  # sessions of one sibling since, and
MISSED_S = 3 * 86_400  # so many seconds, after which nobody expects the next one


def last_days(newest: Mapping[Line, Newest]) -> dict[Line, str]:
    """Return, for each line whose siblings went on without it, the day of its newest session."""
    cells: dict[CellKey, list[Line]] = {}
    for line in newest:
        cells.setdefault(line.cell, []).append(line)
    several = [lines for lines in cells.values() if len(lines) > 1]
    left = [line for lines in several for line in lines if _left_behind(newest[line], [newest[one] for one in lines])]
    return {line: day_words(_at_s(newest[line]))[:10] for line in left}


def _left_behind(one: Newest, siblings: Sequence[Newest]) -> bool:
    late = (other for other in siblings if _at_s(other) > _at_s(one) + MISSED_S)
    return any(_since(one, other) >= MISSED for other in late)


def _since(one: Newest, other: Newest) -> int:
    return int(np.count_nonzero(other.points.run[other.series] > one.run))


def _at_s(one: Newest) -> int:
    return int(one.points.runs.created_s[one.run])
