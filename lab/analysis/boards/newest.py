"""The newest session of every cell, and the history that it is the end of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.analysis.points.key import CellKey
from lab.analysis.points.table import FLAGS, STATUSES, Points


@dataclass(frozen=True)
class Newest:
    """One cell: `at` is the place of its newest point, `series` [H] the places of those of the same series, oldest
    first, `at` last. Points under other conditions are not in it: what differs is never one history.
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
        conditions = self.points.keys[self.points.series[self.at]].conditions
        part = conditions.layers != conditions.layers_total
        bits = int(self.points.flags[self.at])
        kinds = (("emulated", conditions.emulated), ("part", part), ("synthetic", conditions.synthetic))
        flags = [code.replace("_", " ") for place, code in enumerate(FLAGS) if bits >> place & 1]
        return (*(name for name, holds in kinds if holds), *flags)


def newest_of_cells(points: Points) -> dict[CellKey, Newest]:
    """Return the newest session of each cell that has points."""
    return dict(_cells(points))


def _cells(points: Points) -> Iterator[tuple[CellKey, Newest]]:
    numbers: dict[CellKey, int] = {}
    of_key = np.asarray([numbers.setdefault(key.cell, len(numbers)) for key in points.keys], np.int64)
    if not len(points):
        return
    cell = of_key[points.series]
    order = np.argsort(cell, kind="stable")  # points are sorted by run, and so they stay within a cell
    names = list(numbers)
    for places in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1):
        newest = int(places[-1])
        yield names[cell[newest]], Newest(points, newest, places[points.series[places] == points.series[newest]])
