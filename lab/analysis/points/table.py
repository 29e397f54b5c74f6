"""The columns themselves. Text is kept once and pointed at by number, so that a million points are a few megabytes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.analysis.points.key import SeriesKey

Codes = NDArray[np.int32]
Numbers = NDArray[np.float64]

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
)
DOUBTED = sum(1 << FLAGS.index(code) for code in ("contradictory", "impossible"))  # numbers that nothing is made of
STATUSES = ("ok", "failed", "rejected", "not_run", "interrupted", "broken")


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
