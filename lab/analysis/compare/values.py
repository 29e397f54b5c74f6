"""The values of an axis, and which runs are behind each: engines, targets, quantisations, models, depths, revisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.analysis.boards.lines import lines_of
from lab.analysis.boards.windows import newness_of_runs
from lab.analysis.commits import is_same, readable, whole
from lab.analysis.compare.narrow import names_of, runs_with_points, split_model
from lab.analysis.points.table import Points, split_runs
from lab.core.errors import UsageError
from lab.core.suggest import unknown

AXES = ("engine", "target", "quant", "model", "depth", "revision", "tag", "run")
ACROSS = {"engine": ("engine",), "target": ("target",), "quant": ("model",), "model": ("model",), "depth": ("depth",)}
RECENT = 5  # the newest runs of a value that count, where its runs are no closed set as those of a revision are
FIRST = {"engine": "tvm", "target": "local"}  # the reference where nobody names one
MANY = 20  # values that are still compared at a glance
DATED = ("revision", "tag", "run")  # in the order of their first run


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which runs take part: of a target, of a model (an id, a label, or a model without its quantisation).

    `last` are the newest runs of each value that count; `reference` is what the others are compared with.
    """

    target: str | None = None
    model: str | None = None
    last: int | None = None
    reference: str | None = None
    metrics: tuple[str, ...] = ()


def values_of(points: Points, axis: str, wanted: Wanted) -> tuple[Points, dict[str, list[int]]]:
    """Return the points, and places in their `runs` by value of the axis.

    Names are in the order of the alphabet, depths in that of their numbers, what has a time in that of its time. Of
    depths the points are others: a run counts once for each depth that it measured.
    """
    points, depths = _by_depth(points) if axis == "depth" else (points, [])
    read = _reader(points, axis, depths)
    found: dict[str, list[int]] = {}
    for run in sorted(runs_with_points(points)):
        if _takes_part(points, run, wanted):
            for value in read(run):
                found.setdefault(value, []).append(run)
    last = wanted.last or (RECENT if axis in ACROSS else None)
    newness = newness_of_runs(points, lines_of(points))
    return points, {
        value: [run for run in runs if last is None or newness[run] < last] for value, runs in _ordered(axis, found)
    }


def _ordered(axis: str, found: Mapping[str, list[int]]) -> list[tuple[str, list[int]]]:
    if axis in DATED:
        return list(found.items())
    return sorted(found.items(), key=lambda item: (int(item[0]) if axis == "depth" else 0, item[0]))


def _by_depth(points: Points) -> tuple[Points, list[int]]:
    """The points with each run taken apart into one for each depth that it measured, and those depths."""
    depths = np.array([key.cell.depth for key in points.keys], np.int64)
    return split_runs(points, depths[points.series] if len(points) else np.zeros(0, np.int64))


def newest_values(axis: str, places: Mapping[str, list[int]], kept: str) -> tuple[dict[str, list[int]], int]:
    """Return the newest MANY values of an axis in the order of time, with `kept` whatever its age; count the others."""
    names = list(places)
    if axis not in DATED or len(names) <= MANY:
        return dict(places), 0
    chosen = {*names[-MANY:], kept}
    found = {value: runs for value, runs in places.items() if value in chosen}
    return found, len(names) - len(found)


def reference_of(axis: str, places: Mapping[str, list[int]], asked: str | None) -> str:
    """Return the value that the others are compared with: the one asked for, lab's own engine, this machine, the first.

    Raises:
        UsageError: none of the values has the name.
    """
    if asked is None:
        return FIRST[axis] if FIRST.get(axis) in places else next(iter(places))
    matches = [value for value in places if _names(axis, asked, value)]
    if asked in places:
        return asked
    if len(matches) != 1:
        raise UsageError(unknown(axis, asked, places))
    return matches[0]


def _reader(points: Points, axis: str, depths: Sequence[int]) -> Callable[[int], Iterable[str]]:
    runs = points.runs
    commits = _commits(runs.commit) if axis == "revision" else []
    engines = dict(zip(points.run.tolist(), points.series.tolist(), strict=True))
    of: dict[str, Callable[[int], Iterable[str]]] = {
        "engine": lambda run: [points.keys[engines[run]].cell.engine] if run in engines else [],
        "target": lambda run: [runs.target[run]],
        "quant": lambda run: [split_model(runs.model[run])[1]],
        "depth": lambda run: [str(depths[run])],
        "model": lambda run: [runs.model[run]],
        "revision": lambda run: [commits[run]] if commits[run] and not runs.dirty[run] else [],
        "tag": lambda run: runs.tags[run],
        "run": lambda run: [runs.run_id[run]],
    }
    return of[axis]


def _takes_part(points: Points, run: int, wanted: Wanted) -> bool:
    return wanted.target in (None, points.runs.target[run]) and (
        wanted.model is None or wanted.model in names_of(points.runs.model[run])
    )


def _commits(commits: Sequence[str]) -> list[str]:
    """Each run's commit as people read it, the same one always with the same digits."""
    same = whole(commits)
    read = dict(zip(same.values(), readable(list(same.values())), strict=True))
    return [read[same[one]] for one in commits]


def _names(axis: str, asked: str, value: str) -> bool:
    if axis == "revision":
        return value.startswith(asked) or is_same(value, asked)
    return value == asked or (axis == "run" and value.startswith(asked))
