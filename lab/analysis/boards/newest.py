"""The newest session of every line, and the history that it is the end of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.analysis.boards.cell_text import day_words
from lab.analysis.boards.lines import Line
from lab.analysis.legend import label_of
from lab.analysis.points.key import CellKey, Conditions
from lab.analysis.points.named import changes
from lab.analysis.points.table import DOUBTED, FLAGS, STATUSES, Points
from lab.formats.run.blocks import MADE_UP

MISSED = 3  # sessions of one sibling since, and
MISSED_S = 3 * 86_400  # so many seconds, after which nobody expects the next one


@dataclass(frozen=True)
class Newest:
    """One line: `at` is the place of its newest point, `series` [H] the places of its history, oldest first, `at` last.

    Points of siblings are not in it, nor those of another counter of memory; where its conditions changed is a seam.
    """

    points: Points
    at: int
    series: NDArray[np.int64]

    @property
    def run(self) -> int:
        """The code of the run."""
        return int(self.points.run[self.at])

    @property
    def status(self) -> str:
        """The status of the cell in that run."""
        return STATUSES[self.points.status[self.at]]

    @property
    def reason(self) -> str:
        """What the run says of why the cell gave no numbers, or "" where it says nothing."""
        code = int(self.points.reason[self.at])
        return self.points.reasons[code] if code >= 0 else ""

    @property
    def labels(self) -> tuple[str, ...]:
        """What a reader has to know before believing the value."""
        conditions = self._conditions
        part = f"{conditions.layers} of {conditions.layers_total} layers"
        bits = int(self.points.flags[self.at])
        made_up = ("made up", conditions.protocol == MADE_UP)
        random = (label_of("synthetic"), conditions.synthetic)
        kinds = (made_up, ("emulated", conditions.emulated), (part, self.is_part), random)
        flags = [label_of(code) for place, code in enumerate(FLAGS) if bits >> place & 1]
        return (*(name for name, holds in kinds if holds), *flags)

    @property
    def is_part(self) -> bool:
        """Whether not all layers of the model were measured."""
        return self._conditions.layers != self._conditions.layers_total

    @property
    def _conditions(self) -> Conditions:
        conditions: Conditions = self.points.keys[self.points.series[self.at]].conditions
        return conditions

    @property
    def sound(self) -> NDArray[np.int64]:
        """Those of `series` that a picture may have: a number that cannot be would flatten all others."""
        sound: NDArray[np.bool_] = (self.points.flags[self.series] & DOUBTED) == 0
        return np.asarray(self.series[sound], np.int64)

    @property
    def seams(self) -> tuple[tuple[int, str], ...]:
        """Places in `sound` from which on conditions were others, and what differs."""
        keys, codes = self.points.keys, self.points.series[self.sound]
        places = (np.flatnonzero(np.diff(codes)) + 1).tolist()
        return tuple(
            (at, "; ".join(changes(keys[codes[at - 1]].conditions, keys[codes[at]].conditions))) for at in places
        )


def newest_of_lines(points: Points, lines: Sequence[Line]) -> dict[Line, Newest]:
    """Return the newest session of each line that has points; `lines` [K] are those of `points.keys`."""
    return dict(_newest(points, lines))


def _newest(points: Points, lines: Sequence[Line]) -> Iterator[tuple[Line, Newest]]:
    if not len(points):
        return
    numbers: dict[Line, int] = {}
    of_key = np.asarray([numbers.setdefault(line, len(numbers)) for line in lines], np.int64)
    counters: dict[str, int] = {}
    counter = np.asarray([counters.setdefault(key.conditions.counter, len(counters)) for key in points.keys], np.int64)
    line = of_key[points.series]
    order = np.argsort(line, kind="stable")  # points are sorted by run, and so they stay within a line
    names = list(numbers)
    for places in np.split(order, np.flatnonzero(np.diff(line[order])) + 1):
        newest = int(places[-1])
        alike = counter[points.series[places]] == counter[points.series[newest]]
        yield names[line[newest]], Newest(points, newest, places[alike])


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
