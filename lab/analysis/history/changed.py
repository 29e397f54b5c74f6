"""Where conditions changed in the histories of a store, each change told once for all cells that it is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lab.analysis.history.chains import Apart
from lab.analysis.history.clocks import DAY_S
from lab.analysis.history.series import Series
from lab.analysis.points.key import CellKey, Fields
from lab.analysis.points.named import told_apart
from lab.analysis.points.table import Runs


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
