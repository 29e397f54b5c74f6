"""Columns that one side does not have: what lab takes their settings for is told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lab.analysis.judging.sides import Side
from lab.analysis.points.defaults import COLUMNS, LLAMA_BENCH
from lab.analysis.points.table import Runs


def assumed(runs: Runs, a: Side, b: Side) -> Iterator[str]:
    """Yield a note for each side that lacks columns of the other: - defrag_thold: B has no such column, ..."""
    have = [int(np.bitwise_or.reduce(runs.columns[side.runs], initial=0)) for side in (a, b)]
    for sign, name, mine, other in (("-", "B", have[1], have[0]), ("+", "A", have[0], have[1])):
        lacking = [column for place, column in enumerate(COLUMNS) if other & ~mine & 1 << place]
        if lacking and mine:
            values = ", ".join(f"{column}={LLAMA_BENCH[column] or 'none'}" for column in lacking)
            what = "column" if len(lacking) == 1 else "columns"
            yield f"{sign} {', '.join(lacking)}: side {name} has no such {what}, and the default is taken: {values}"
