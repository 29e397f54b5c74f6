"""How long the rest of a phase takes."""

from __future__ import annotations

from lab.core.units import about_seconds

PACE_S = 5.0


def time_left(done: float, total: float | None, took_s: float, elapsed_s: float) -> str:
    """Say how long the rest takes at the pace so far: `done` of `total` took `took_s` of the seconds that have passed.

    Empty before anything is done, and in the first seconds, when a pace says little.
    """
    if not total or not done or elapsed_s < PACE_S:
        return ""
    rest_s = took_s / done * (total - done) - (elapsed_s - took_s)
    return f"{about_seconds(max(rest_s, 0))} left"
