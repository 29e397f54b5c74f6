"""Columns of points, joined and put in order. Text is kept once and pointed at by number: a million take some MB."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lab.analysis.points.key import SeriesKey

Codes = NDArray[np.int32]
Numbers = NDArray[np.float64]
K = TypeVar("K", bound=Hashable)

# Bits of `Points.flags`: what a reader has to know before believing a point; named by codes of lab.analysis.run.flags.
FLAGS = (
    "swapped",
    "fell_back",
    "cpu_device",
    "throttled",
    "gate_not_kept",
    "cv_over_gate",
    "tokens_differ",
    "above_roof",
    "prefill_above_roof",
    "disturbed",
    "contradictory",
    "impossible",
    "cpu_quota",
    "slowed",
)
DOUBTED = sum(1 << FLAGS.index(code) for code in ("contradictory", "impossible"))  # numbers that nothing is made of
COLUMNS = ("value", "sd", "n", "status", "flags")  # of Points: what joining does not change
STATUSES = ("ok", "failed", "rejected", "not_run", "interrupted", "wrong_output")


@dataclass(frozen=True, kw_only=True)
class Runs:
    """One row a run, oldest first: [R] each. Lists hold text, "" where a record says nothing."""

    run_id: list[str]
    created_s: NDArray[np.int64]  # [R] seconds since 1970, UTC
    status: list[str]
    target: list[str]
    model: list[str]
    bundle: list[str]  # key of the bundle
    lab_version: list[str]
    commit: list[str]  # of the revision that was measured: the record's own, else lab's
    build_number: list[int]  # by which llama.cpp counts its commits, 0 where a record has none
    dirty: NDArray[np.bool_]  # [R]
    tags: list[tuple[str, ...]]
    columns: NDArray[np.int64]  # [R] bits of lab.analysis.points.defaults.COLUMNS: those that its rows had
    place: list[str]  # where the record is: lab.store.Entry.place

    def __len__(self) -> int:
        return len(self.run_id)


@dataclass(frozen=True, kw_only=True)
class Points:
    """[N] each, sorted by run. A cell without numbers has its STATUS point alone; its `value` is nan.

    `value` is the median over the session's counted repetitions in the metric's own unit, `sd` their sample standard
    deviation (nan with fewer than two), `n` their number. Codes are places in `keys`, `runs` and `reasons`.
    """

    keys: tuple[SeriesKey, ...]
    runs: Runs
    reasons: tuple[str, ...]
    series: Codes  # [N] -> keys
    run: Codes  # [N] -> runs
    value: Numbers  # [N]
    sd: Numbers  # [N]
    n: Codes  # [N]
    status: NDArray[np.int8]  # [N] -> STATUSES, of the cell
    flags: Codes  # [N] bits of FLAGS
    reason: Codes  # [N] -> reasons, -1 for none

    def __len__(self) -> int:
        return len(self.series)

    def where(self, mask: NDArray[Any]) -> Points:
        """Return the points of a boolean mask [N] or of places [M]; keys, runs and reasons stay as they are."""
        columns = ("series", "run", "value", "sd", "n", "status", "flags", "reason")
        taken: dict[str, Any] = {name: getattr(self, name)[mask] for name in columns}
        return replace(self, **taken)


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


def split_runs(points: Points, part: NDArray[np.int64]) -> tuple[Points, list[int]]:
    """Return the points with each run taken apart by `part` [N], and the part of each run that is now there.

    The parts of a run keep its id and its time, and stand at its place, in the order of their numbers.
    """
    pairs = np.stack([points.run.astype(np.int64), part], axis=1).reshape(-1, 2)
    parts, run = np.unique(pairs, axis=0, return_inverse=True)
    place: Codes = np.asarray(run.reshape(-1), np.int32)
    order = np.argsort(place, kind="stable")
    runs = _runs_at(points.runs, np.asarray(parts[:, 0], np.int32))
    return replace(points.where(order), run=place[order], runs=runs), parts[:, 1].tolist()


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
