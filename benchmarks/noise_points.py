"""Cells of one metric as points, without records: one run a session, each with every cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.synthetic_points import synthetic_points
from lab.analysis.points.key import STATUS
from lab.analysis.points.table import Points
from lab.jobs.demo.world import world

METRIC = "decode_tok_per_s"


def points_of_cells(values: NDArray[np.float64]) -> Points:
    """Return points of the values [cells, sessions] of METRIC, one cell a prompt length, under equal conditions."""
    cells, sessions = values.shape
    like = synthetic_points(world(sessions))
    one = next(key for key in like.keys if key.cell.metric == METRIC)
    keys = tuple(
        replace(one, cell=replace(one.cell, prompt=1 + cell, metric=metric))
        for cell in range(cells)
        for metric in (STATUS, METRIC)
    )
    n = 2 * cells * sessions
    measured = np.stack([np.full(values.shape, np.nan), values], axis=2).transpose(1, 0, 2).ravel()  # [S, C, 2]
    return Points(
        keys=keys,
        runs=like.runs,
        reasons=(),
        series=np.tile(np.arange(2 * cells, dtype=np.int32), sessions),
        run=np.repeat(np.arange(sessions, dtype=np.int32), 2 * cells),
        value=measured,
        sd=np.full(n, np.nan),
        n=np.ones(n, np.int32),
        status=np.zeros(n, np.int8),
        flags=np.zeros(n, np.int32),
        reason=np.full(n, -1, np.int32),
    )
