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

Told = tuple[dict[str, str], frozenset[str]]


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
    merged = _merged(stretches)
    if len(merged) < 2:
        return merged
    ordered = sorted(merged, key=lambda one: (int(one.runs[0]), one.conditions))
    fields = [tuple(_fields(one.conditions[end]) for end in (0, -1)) for one in ordered]
    before = {_first_follower(place, ordered, fields, runs): place for place in range(len(ordered))}
    chains: list[list[int]] = [[place] for place in range(len(ordered))]
    for place in range(len(ordered)):
        if place in before:
            chains[before[place]] += chains[place]
            chains[place] = chains[before[place]]
    return [_one(ordered, chain) for chain in {id(chain): chain for chain in chains}.values()]


def _one(stretches: Sequence[Stretch], chain: Sequence[int]) -> Stretch:
    """Those that follow each other as one."""
    conditions = [each for place in chain for each in stretches[place].conditions]
    return Stretch(conditions, np.concatenate([stretches[place].runs for place in chain]))


def _merged(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Those with conditions in common as one: what came back after a change is the same place."""
    merged: list[Stretch] = []
    for one in stretches:
        alike = next((other for other in merged if set(other.conditions) & set(one.conditions)), None)
        if alike is None:
            merged.append(one)
            continue
        last = max(alike, one, key=lambda each: int(each.runs[-1])).conditions
        first = [each for each in (*alike.conditions, *one.conditions) if each not in last]
        alike.conditions, alike.runs = [*dict.fromkeys(first), *last], np.sort(np.concatenate([alike.runs, one.runs]))
    return merged


def _first_follower(place: int, every: Sequence[Stretch], fields: Sequence[tuple[Told, ...]], runs: Runs) -> int | None:
    """The place of what goes on from the stretch at `place`; none where two do at the same time."""
    old = every[place]
    if not _is_history(old, runs):
        return None
    later = (at for at, one in enumerate(every) if one.runs[0] > old.runs[-1])
    after = [at for at in later if _goes_on(fields[place][1], fields[at][0])]
    if not after or conditions_obstacle(old.conditions[-1], every[after[0]].conditions[0], emulated=True):
        return None
    first = every[after[0]]
    begins_s = int(runs.created_s[first.runs[0]])
    others = (every[at] for at in after[1:])
    rivals = (one.runs[0] < first.runs[-1] or runs.created_s[one.runs[0]] < begins_s + DAY_S for one in others)
    return None if any(rivals) else after[0]


def _is_history(one: Stretch, runs: Runs) -> bool:
    """Whether it was measured on several days or of several commits: what ran once may have a sibling beside it."""
    commits = {runs.commit[run] for run in one.runs.tolist()}
    return len(one.runs) > 1 and (len(commits) > 1 or int(np.ptp(runs.created_s[one.runs])) > DAY_S)


def _fields(conditions: Conditions) -> Told:
    """Every field, a backend without its driver, and which of them are what the tool says of the device."""
    known = fields_of(replace(conditions, effective=unversioned(conditions.effective)))
    return known, frozenset(name for name, _ in conditions.facts)


def _goes_on(old: Told, new: Told) -> bool:
    """Whether all that differs is a column that only one has, a driver, or what the tool says of the device."""
    (a, told_a), (b, told_b) = old, new
    return all(b.get(name, text) == text or name in told_a or name in told_b for name, text in a.items())
