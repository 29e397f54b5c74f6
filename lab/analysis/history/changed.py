"""Where conditions changed in the histories of a store, each change told once for all cells that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.analysis.history.chains import Apart
from lab.analysis.history.clocks import DAY_S
from lab.analysis.history.series import Series
from lab.analysis.points.defaults import COLUMNS, LLAMA_BENCH
from lab.analysis.points.key import CellKey, Fields
from lab.analysis.points.named import told_apart
from lab.analysis.points.table import Runs

FEW = 0.1  # of the runs of a level: its place may be off by some


@dataclass(frozen=True)
class Changed:
    """Conditions that changed: `changes` by field, from the run `run_id` on, in the histories of `cells`.

    `compared` says whether the levels before and after are held against each other.
    """

    run_id: str
    created_s: int
    changes: tuple[str, ...]
    compared: bool
    cells: tuple[CellKey, ...]


def changed(series: Iterable[Series], apart: Iterable[Apart], runs: Runs) -> tuple[Changed, ...]:
    """Return all changes of conditions, the newest first; the same within a day is one."""
    found: list[Changed] = []
    about = sorted((*_seams(series), *_cuts(apart)), key=lambda one: (int(runs.created_s[one[0]]), one[0]))
    for place, changes, compared, cell in about:
        at = int(runs.created_s[place])
        same = (each for each in found if (each.changes, each.compared) == (changes, compared))
        near = next((each for each in same if at - each.created_s <= DAY_S), None)
        if near is None:
            found.append(Changed(runs.run_id[place], at, changes, compared, (cell,)))
        else:
            found[found.index(near)] = replace(near, cells=(*near.cells, cell))
    return tuple(reversed(found))


def columns_between(series: Series, runs: Runs, start: int, index: int, end: int) -> tuple[str, ...]:
    """Return which columns came or went, at their default, between values `start` to `index` and those to `end`.

    They change no condition, and tell that the tool is another. A column counts that nearly all runs of one level have
    and hardly any of the other; one at another value is a change of conditions.
    """
    before, after = series.runs[start:index], series.runs[index:end]
    told = [dict(key.conditions.settings) for key in series.keys]
    bits = 1 << np.arange(len(COLUMNS), dtype=np.int64)
    old, new = (((runs.columns[level][:, None] & bits) > 0).mean(axis=0) for level in (before, after))
    signs = np.where((old <= FEW) & (new >= 1 - FEW), "+", np.where((old >= 1 - FEW) & (new <= FEW), "-", ""))
    known = runs.columns[before].any() and runs.columns[after].any()
    return tuple(
        f"{sign} {name}"
        for sign, name in zip(signs.tolist(), COLUMNS, strict=True)
        if sign and known and all(each.get(name) == LLAMA_BENCH[name] for each in told)
    )


def settings_of(series: Sequence[Series]) -> list[Fields]:
    """Return for each of the histories what tells it from the others of its cell; nothing where it is the only one."""
    cells: dict[CellKey, list[int]] = {}
    for place, one in enumerate(series):
        cells.setdefault(one.key.cell, []).append(place)
    found: list[Fields] = [()] * len(series)
    for places in cells.values():
        told = told_apart([series[place].key.conditions for place in places])
        for place, fields in zip(places, told, strict=True):
            found[place] = fields
    return found


def _seams(series: Iterable[Series]) -> Iterator[tuple[int, tuple[str, ...], bool, CellKey]]:
    for one in series:
        for seam in one.seams:
            if seam.changes:
                yield int(one.runs[seam.index]), seam.changes, True, one.key.cell


def _cuts(apart: Iterable[Apart]) -> Iterator[tuple[int, tuple[str, ...], bool, CellKey]]:
    for one in apart:
        yield int(one.series.runs[0]), one.why, False, one.series.key.cell
