"""Points put together, taken apart and put in order, column by column."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lab.analysis.points.table import Codes, Points, Runs

COLUMNS = ("value", "sd", "n", "status", "flags")  # what no merging changes
K = TypeVar("K", bound=Hashable)


def join(a: Points, b: Points) -> Points:
    """Return all points of both, the runs of `b` after those of `a`."""
    keys, series = _united(a.keys, b.keys)
    reasons, reason = _united(a.reasons, b.reasons)
    plain: dict[str, Any] = {name: np.concatenate([getattr(a, name), getattr(b, name)]) for name in COLUMNS}
    return Points(
        keys=keys,
        runs=_runs_of_both(a.runs, b.runs),
        reasons=reasons,
        series=np.concatenate([a.series, series[b.series]]),
        run=np.concatenate([a.run, b.run + np.int32(len(a.runs))]),
        reason=np.concatenate([a.reason, np.where(b.reason < 0, b.reason, reason[b.reason])]),
        **plain,
    )


def with_runs(points: Points, places: Sequence[int]) -> Points:
    """Return the points of these runs alone (places in `points.runs`, each once), in this order.

    Keys and reasons are those in use, in the order of their first point: as if nothing else had ever been there.
    """
    if list(places) == list(range(len(points.runs))):
        return points
    order = np.asarray(places, np.int32)
    moved = np.full(len(points.runs), -1, np.int32)
    moved[order] = np.arange(len(order), dtype=np.int32)
    run = moved[points.run]
    kept = np.flatnonzero(run >= 0)
    kept = kept[np.argsort(run[kept], kind="stable")]
    return _in_use(replace(points.where(kept), run=run[kept], runs=_runs_at(points.runs, order)))


def _united(a: tuple[K, ...], b: tuple[K, ...]) -> tuple[tuple[K, ...], Codes]:
    """All of both, each once, and where those of `b` now are (with one code more, so that -1 can be looked up)."""
    numbers = {one: number for number, one in enumerate(a)}
    codes = [numbers.setdefault(one, len(numbers)) for one in b]
    return tuple(numbers), np.asarray([*codes, -1], np.int32)


def _in_use(points: Points) -> Points:
    keys, series = _by_first_use(points.keys, points.series)
    reasons, reason = _by_first_use(points.reasons, points.reason)
    return replace(points, keys=keys, series=series, reasons=reasons, reason=reason)


def _by_first_use(names: tuple[K, ...], codes: Codes) -> tuple[tuple[K, ...], Codes]:
    used = np.flatnonzero(codes >= 0)
    first = np.full(len(names) + 1, len(codes), np.int64)
    first[codes[used[::-1]]] = used[::-1]  # of an index that comes twice the last one stays
    order = np.argsort(first, kind="stable")
    order = order[first[order] < len(codes)]
    numbers = np.full(len(names) + 1, -1, np.int32)
    numbers[order] = np.arange(len(order), dtype=np.int32)
    return tuple(names[place] for place in order), numbers[codes]


def _runs_of_both(a: Runs, b: Runs) -> Runs:
    return Runs(**{item.name: _after(getattr(a, item.name), getattr(b, item.name)) for item in fields(Runs)})


def _runs_at(runs: Runs, order: NDArray[np.int32]) -> Runs:
    places = order.tolist()
    taken: dict[str, Any] = {item.name: _taken(getattr(runs, item.name), order, places) for item in fields(Runs)}
    return Runs(**taken)


def _taken(column: Any, order: NDArray[np.int32], places: list[int]) -> Any:
    return column[order] if isinstance(column, np.ndarray) else [column[place] for place in places]


def _after(a: Any, b: Any) -> Any:
    return np.concatenate([a, b]) if isinstance(a, np.ndarray) else [*a, *b]
