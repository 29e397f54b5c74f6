"""Stretches of the series of one cell, and how two of them lie in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.analysis.history.clocks import DAY_S
from lab.analysis.history.series import Series
from lab.analysis.points.key import Conditions
from lab.analysis.points.named import fields_of
from lab.analysis.points.table import Runs

STRAY = 10  # of so many sessions one may lie on the other side of the change: something was tried out
STRETCH = 3  # sessions that are a level of their own: no change is seen in fewer


@dataclass
class Segment:
    """A stretch of one series: its values are those at `at` of it, `when` their places among all of the cell. [n]"""

    series: Series
    at: NDArray[np.intp]
    when: NDArray[np.intp]
    fields: dict[str, str]
    beside: tuple[dict[str, str], ...] = ()  # fields of those measured side by side with it
    before: Segment | None = None
    after: Segment | None = None

    @property
    def conditions(self) -> Conditions:
        """Those of all its values."""
        return self.series.key.conditions


def segments_of(group: Sequence[Series], runs: Runs) -> list[Segment]:
    """Return the series as stretches, oldest first: one that another interrupts as a whole is two."""
    places = np.concatenate([one.runs for one in group])
    met, code = np.unique(places, return_inverse=True)
    rank = np.argsort(np.lexsort((met, runs.created_s[met])))[code]  # of the run; the same for all series of one
    every = np.split(rank, np.cumsum([len(one.runs) for one in group])[:-1])
    found: list[Segment] = []
    for one, when in zip(group, every, strict=True):
        cuts = _cuts(when, every)
        fields = fields_of(one.key.conditions)
        found += [Segment(one, at, when[at], fields) for at in np.split(np.arange(len(when)), cuts)]
    return sorted(found, key=lambda one: int(one.when[0]))


def _cuts(when: NDArray[np.intp], every: Sequence[NDArray[np.intp]]) -> list[int]:
    """Where other series lie whole in a gap of this one, with enough sessions on all three sides."""
    if len(when) < 2 * STRETCH:
        return []
    found = set()
    for other in every:
        place, end = np.searchsorted(when, other[[0, -1]])
        if place == end and len(other) >= STRETCH and STRETCH <= place <= len(when) - STRETCH:
            found.add(int(place))
    return sorted(found)


def follows(old: Segment, new: Segment) -> bool:
    """Whether hardly a session lies on the wrong side of the best place for a change from one to the other."""
    early = np.searchsorted(new.when, old.when)  # [n] sessions of the new one before each of the old one
    late = len(old.when) - 1 - np.arange(len(old.when))
    return int((early + late).min()) <= min(len(old.when), len(new.when)) // STRAY


def side_by_side(one: Segment, other: Segment) -> bool:
    """Whether both were measured in the same period, and neither took over from the other."""
    if one.when[-1] < other.when[0] or other.when[-1] < one.when[0]:
        return False
    return not follows(one, other) and not follows(other, one)


def is_history(one: Segment, runs: Runs) -> bool:
    """Whether it was measured on several days or of several commits: settings tried in turns in an evening are not."""
    places = one.series.runs[one.at]
    commits = {runs.commit[place] for place in places.tolist()}
    return len(commits) > 1 or int(np.ptp(runs.created_s[places])) > DAY_S


def differing(one: Segment, other: Segment) -> set[str]:
    """Return the names of the fields in which they differ."""
    return {name for name, _ in one.fields.items() ^ other.fields.items()}
