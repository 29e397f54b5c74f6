"""Runs whose time cannot be believed: they would stand at a wrong place in every history."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from lab.analysis.points.table import Runs

DAY_S = 86_400
UNSET_BEFORE_S = 946_684_800  # 2000: a clock that nobody has set begins at 1970


def clock_problems(runs: Runs, now_s: float | None = None) -> dict[int, str]:
    """Return, for each run (its place in `runs`) whose time is wrong, what is wrong with it.

    `now_s` is seconds since 1970; the present when left out.
    """
    latest = (time.time() if now_s is None else now_s) + DAY_S
    found = {place: _problem(runs.run_id[place], int(at), latest) for place, at in enumerate(runs.created_s)}
    return {place: problem for place, problem in found.items() if problem}


def _problem(run_id: str, created_s: int, latest: float) -> str:
    if created_s < UNSET_BEFORE_S:
        return "its clock was not set"
    if created_s > latest:
        return "it lies in the future"
    started_s = stamp_s(run_id)
    if started_s is not None and abs(started_s - created_s) > DAY_S:
        return "its id and its time are more than a day apart"
    return ""


def stamp_s(run_id: str) -> int | None:
    """Return the seconds since 1970 that a run id tells; None where it tells none."""
    try:
        return int(datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None
