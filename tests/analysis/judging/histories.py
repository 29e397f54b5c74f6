"""Points whose truth is known, made without records: one run a session, each with every cell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lab.analysis.judging.judge import Side
from lab.analysis.points.key import STATUS, CellKey, Conditions, SeriesKey
from lab.analysis.points.table import FLAGS, STATUSES, Points, Runs

CELL = CellKey(target="box", model="phi3-mini-q4", engine="tvm", prompt=512, generate=32, depth=0, metric=STATUS)
CONDITIONS = Conditions(
    device="d" * 64,
    effective="cpu",
    threads=2,
    settings=(("seed", "0"),),
    protocol="1",
    emulated=False,
    synthetic=True,
    layers=32,
    layers_total=32,
)
RATE = "decode_tok_per_s"


def key(prompt: int = 512, metric: str = RATE, cell: dict[str, Any] | None = None, **conditions: Any) -> SeriesKey:
    """The series of one metric of the cell with `prompt` tokens."""
    return SeriesKey(replace(CELL, prompt=prompt, metric=metric, **(cell or {})), replace(CONDITIONS, **conditions))


def points(
    series: dict[SeriesKey, ArrayLike],
    flags: dict[SeriesKey, dict[int, str]] | None = None,
    status: dict[SeriesKey, dict[int, str]] | None = None,
    bundle: list[str] | None = None,
) -> Points:
    """Points of the values [S] of each series, nan where a session has none; `flags` and `status` by session."""
    values = {one: np.asarray(each, np.float64) for one, each in series.items()}
    sessions = max(len(each) for each in values.values())
    keys: dict[SeriesKey, int] = {}
    rows: list[tuple[Any, ...]] = []
    for run in range(sessions):
        told: set[SeriesKey] = set()
        for one, each in values.items():
            base = SeriesKey(replace(one.cell, metric=STATUS), replace(one.conditions, counter=""))
            state = STATUSES.index((status or {}).get(one, {}).get(run, "ok"))
            bits = 1 << FLAGS.index(flags[one][run]) if flags and run in flags.get(one, {}) else 0
            there = run < len(each) and np.isfinite(each[run])
            if (there or state) and base not in told:
                told.add(base)
                rows.append((keys.setdefault(base, len(keys)), run, np.nan, np.nan, 0, state, bits, 0 if state else -1))
            if there:
                rows.append((keys.setdefault(one, len(keys)), run, each[run], each[run] * 0.01, 5, state, bits, -1))
    columns = list(zip(*rows, strict=True))
    kinds = (np.int32, np.int32, np.float64, np.float64, np.int32, np.int8, np.int32, np.int32)
    names = ("series", "run", "value", "sd", "n", "status", "flags", "reason")
    arrays = {name: np.asarray(column, kind) for name, column, kind in zip(names, columns, kinds, strict=True)}
    return Points(keys=tuple(keys), runs=runs(sessions, bundle), reasons=("SIGSEGV in prefill",), **arrays)


def runs(sessions: int, bundle: list[str] | None = None) -> Runs:
    """Runs an hour apart."""
    return Runs(
        run_id=[f"20261101-{i:06d}-{i:06x}" for i in range(sessions)],
        created_s=np.arange(sessions, dtype=np.int64) * 3600 + 1_793_000_000,
        status=["ok"] * sessions,
        target=["box"] * sessions,
        model=["phi3-mini-q4"] * sessions,
        bundle=bundle or ["k"] * sessions,
        lab_version=["0.1.0"] * sessions,
        commit=[""] * sessions,
        build_number=[0] * sessions,
        dirty=np.zeros(sessions, np.bool_),
        tags=[()] * sessions,
        columns=np.zeros(sessions, np.int64),
        place=[""] * sessions,
    )


def side(label: str, start: int, stop: int, step: int = 1) -> Side:
    """The runs from `start` to `stop` as a side."""
    return Side(label, np.arange(start, stop, step, dtype=np.int32))
