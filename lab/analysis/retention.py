"""Which runs a history can do without."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from dataclasses import dataclass

import numpy as np

from lab.analysis.points.table import Points


@dataclass(frozen=True)
class Doomed:
    """A run that nothing refers to."""

    run_id: str
    target: str
    model: str
    engine: str
    place: str


def prunable(points: Points, keep: int, before_s: float, named: Container[str]) -> list[Doomed]:
    """Return the runs that began before `before_s` (seconds since 1970, UTC), oldest first, but for

    - the `keep` newest of each target, model and engine, whenever they were;
    - those with a tag;
    - those whose run id is in `named`: something refers to them.
    """
    runs, engines = points.runs, _engines(points)
    lines: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for place, engine in enumerate(engines):
        lines[runs.target[place], runs.model[place], engine].append(place)
    old = [place for line in lines.values() for place in line[: max(0, len(line) - keep)]]
    return [
        Doomed(runs.run_id[at], runs.target[at], runs.model[at], engines[at], runs.place[at])
        for at in sorted(old)
        if runs.created_s[at] < before_s and not runs.tags[at] and runs.run_id[at] not in named
    ]


def _engines(points: Points) -> list[str]:
    """The engine of each run; "" for one without cells."""
    engines = [""] * len(points.runs)
    numbers, first = np.unique(points.run, return_index=True)
    for number, place in zip(numbers.tolist(), first.tolist(), strict=True):
        engines[number] = points.keys[points.series[place]].cell.engine
    return engines
