"""What another tool says of the same sessions. Run by a Python that has it: asv or otava, FILE in, FILE out.

It must not import lab or the other benchmarks: that Python has neither. asv's rule is its `asv compare` with the
default factor 1.1 and statistics on; Otava's is `compute_change_points` with its defaults, on the whole history.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def asv_alarms(a: Any, b: Any) -> Any:
    """Return whether asv calls each row of times `b` [M, S] worse than `a`. [M]"""
    from asv.commands.compare import _is_result_better
    from asv_runner.statistics import compute_stats

    return np.array(
        [_asv(list(one), list(other), _is_result_better, compute_stats) for one, other in zip(a, b, strict=True)]
    )


def _asv(a: list[float], b: list[float], is_better: Any, compute_stats: Any) -> bool:
    before, stats_a = compute_stats(a, 1)
    after, stats_b = compute_stats(b, 1)
    return bool(is_better(before, after, (stats_a, a), (stats_b, b), 1.1))


def otava_alarms(times: Any, n: int) -> Any:
    """Return whether Otava finds that times [M, H] grew within one session of the first of the last `n`. [M]"""
    from otava.analysis import compute_change_points

    return np.array([_otava(row, len(row) - n, compute_change_points) for row in times])


def _otava(row: Any, at: int, find: Any) -> bool:
    points, _ = find([float(value) for value in row])
    return any(abs(one.index - at) <= 1 and one.stats.mean_2 > one.stats.mean_1 for one in points)


if __name__ == "__main__":
    tool, source, target = sys.argv[1:]
    data = np.load(source)
    n = int(data["n"])
    times = np.exp(-data["x"])  # rates are one over times, and both tools judge times
    said = otava_alarms(times, n) if tool == "otava" else asv_alarms(times[:, -2 * n : -n], times[:, -n:])
    np.savez(target, alarms=said)
