"""Which series of a cell are one place: those that continue each other.

Histories are joined as `lab regressions` joins them, which needs some sessions on both sides to tell a change for good
from a setting that was tried out. A board has no time for that where no setting got another value: a column more or
less, or another text about the device (a driver's version), is the same place from the first session on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from lab.analysis.backend_names import unversioned
from lab.analysis.comparable import conditions_obstacle
from lab.analysis.history.chains import chained
from lab.analysis.history.clocks import DAY_S
from lab.analysis.history.series import Series
from lab.analysis.points.key import STATUS, CellKey, Conditions
from lab.analysis.points.named import fields_of
from lab.analysis.points.table import Codes, Points, Runs


@dataclass
class Stretch:
    """One place so far: its conditions in the order in which they took over, and its runs in that of time."""

    conditions: list[Conditions]
    runs: Codes


def places_of(points: Points) -> dict[CellKey, list[list[Conditions]]]:
    """Return, for each cell as a whole, the conditions of each of its places, the newest last."""
    cells: dict[CellKey, list[Stretch]] = {}
    for one in chained(list(_statuses(points)), points.runs).series:
        conditions = list(dict.fromkeys(key.conditions for key in one.keys))
        cells.setdefault(one.key.cell, []).append(Stretch(conditions, one.runs))
    return {cell: [one.conditions for one in _joined(several, points.runs)] for cell, several in cells.items()}


def _statuses(points: Points) -> Iterator[Series]:
    """The sessions of every series of a whole cell; those without numbers are sessions too."""
    is_status = np.array([key.cell.metric == STATUS for key in points.keys], np.bool_)
    taken = np.flatnonzero(is_status[points.series]) if len(points) else np.zeros(0, np.intp)
    taken = taken[np.argsort(points.series[taken], kind="stable")]  # points are sorted by run
    edges = np.flatnonzero(np.diff(points.series[taken], prepend=-1, append=-1))
    for start, end in pairwise(edges.tolist()):
        key = points.keys[points.series[taken[start]]]
        yield Series((key,), np.zeros(end - start), points.run[taken[start:end]], np.zeros(end - start, np.int64))


def _joined(stretches: Sequence[Stretch], runs: Runs) -> list[Stretch]:
    found = _merged(stretches)
    if len(found) < 2:
        return found
    ordered = sorted(found, key=lambda one: (int(one.runs[0]), one.conditions))
    kept: list[Stretch] = []
    for one in ordered:
        before = next((old for old in kept[::-1] if _first_follower(old, ordered, runs) is one), None)
        if before is None:
            kept.append(one)
        else:
            before.conditions = [*before.conditions, *one.conditions]
            before.runs = np.concatenate([before.runs, one.runs])
    return kept


def _merged(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Those with conditions in common as one: what came back after a change is the same place."""
    found: list[Stretch] = []
    for one in stretches:
        alike = next((other for other in found if set(other.conditions) & set(one.conditions)), None)
        if alike is None:
            found.append(one)
            continue
        last = max(alike, one, key=lambda each: int(each.runs[-1])).conditions
        first = [each for each in (*alike.conditions, *one.conditions) if each not in last]
        alike.conditions, alike.runs = [*dict.fromkeys(first), *last], np.sort(np.concatenate([alike.runs, one.runs]))
    return found


def _first_follower(old: Stretch, every: Sequence[Stretch], runs: Runs) -> Stretch | None:
    """What goes on from `old`; none where two do at the same time."""
    if not _is_history(old, runs):
        return None
    after = [one for one in every if one.runs[0] > old.runs[-1] and _goes_on(old.conditions[-1], one.conditions[0])]
    if not after:
        return None
    first, *others = after
    begins_s = int(runs.created_s[first.runs[0]])
    rivals = (one for one in others if one.runs[0] < first.runs[-1] or runs.created_s[one.runs[0]] < begins_s + DAY_S)
    return None if any(rivals) else first


def _is_history(one: Stretch, runs: Runs) -> bool:
    """Whether it was measured on several days or of several commits: what ran once may have a sibling beside it."""
    commits = {runs.commit[run] for run in one.runs.tolist()}
    return len(one.runs) > 1 and (len(commits) > 1 or int(np.ptp(runs.created_s[one.runs])) > DAY_S)


def _goes_on(old: Conditions, new: Conditions) -> bool:
    """Whether all that differs is a column that only one has, a driver, or what the tool says of the device."""
    a, b = (fields_of(replace(one, effective=unversioned(one.effective))) for one in (old, new))
    told = {name for name, _ in (*old.facts, *new.facts)}
    same = all(a[name] == b[name] or name in told for name in a.keys() & b.keys())
    return same and conditions_obstacle(old, new, emulated=True) is None
