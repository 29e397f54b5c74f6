"""Histories made of numbers, as points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from lab.analysis.points.key import CellKey, Conditions, SeriesKey
from lab.analysis.points.table import STATUSES, Points, Runs

START_S = 1_767_225_600  # 2026-01-01
DAY_S = 86_400
NOW_S = START_S + 20_000 * DAY_S
CELL = CellKey(
    target="box", model="phi3-mini-q4", engine="tvm", prompt=512, generate=128, depth=0, metric="decode_tok_per_s"
)
CONDITIONS = Conditions(
    device="d", effective="cpu", threads=4, settings=(("seed", "0"),), protocol="1",
    emulated=False, synthetic=True, layers=32, layers_total=32,
)  # fmt: skip
KEY = SeriesKey(CELL, CONDITIONS)


def key(**changes: object) -> SeriesKey:
    """The key of the sound series, with parts of its cell replaced."""
    return replace(KEY, cell=replace(CELL, **changes))  # type: ignore[arg-type]


def run_ids(created_s: Sequence[int]) -> list[str]:
    """An id for each run, as lab would give it."""
    return [
        datetime.fromtimestamp(at, UTC).strftime("%Y%m%d-%H%M%S-") + f"{number:06x}"
        for number, at in enumerate(created_s)
    ]


def history(
    series: Mapping[SeriesKey, Sequence[float]],
    *,
    created_s: Sequence[int] | None = None,
    commits: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
) -> Points:
    """Points of series that were measured in the same runs, one a day; nan where a run has no value."""
    keys = tuple(series)
    values = np.array(list(series.values()), np.float64)
    count = values.shape[1]
    at = np.asarray(created_s if created_s is not None else START_S + DAY_S * np.arange(count), np.int64)
    total = values.size
    return Points(
        keys=keys,
        runs=_runs(at, commits or [f"{number:040x}" for number in range(count)], ids),
        reasons=(),
        series=np.tile(np.arange(len(keys), dtype=np.int32), count),
        run=np.repeat(np.arange(count, dtype=np.int32), len(keys)),
        value=values.T.ravel(),
        sd=np.full(total, np.nan),
        n=np.full(total, 5, np.int32),
        status=np.full(total, STATUSES.index("ok"), np.int8),
        flags=np.zeros(total, np.int32),
        reason=np.full(total, -1, np.int32),
    )


def _runs(at: np.ndarray[tuple[int], np.dtype[np.int64]], commits: Sequence[str], ids: Sequence[str] | None) -> Runs:
    count = len(at)
    return Runs(
        run_id=list(ids or run_ids(at.tolist())),
        created_s=at,
        status=["ok"] * count,
        target=["box"] * count,
        model=["phi3-mini-q4"] * count,
        bundle=[""] * count,
        lab_version=["0.1.0"] * count,
        commit=list(commits),
        build_number=[0] * count,
        dirty=np.zeros(count, np.bool_),
        tags=[()] * count,
        columns=np.zeros(count, np.int64),
        place=[""] * count,
    )


def noise(count: int, seed: int, cv: float = 0.01) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """`count` numbers around 100."""
    return 100 * (1 + cv * np.random.default_rng(seed).standard_normal(count))


def stepped(count: int, at: int, ratio: float, seed: int, cv: float = 0.01) -> Sequence[float]:
    """The same, with another level from `at` on."""
    values = noise(count, seed, cv)
    values[at:] *= ratio
    return [float(value) for value in values]
