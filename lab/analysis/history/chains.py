"""Series of one cell that continue each other: where conditions change for good, the history goes on.

A new series takes over from an old one that ended when it began. Series that were measured side by side (flash
attention off and on each night) are never joined, and what takes over from one of them has to agree with it in what
tells it from the others. Of two that would do as well neither is taken: such histories are told as apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lab.analysis.comparable import conditions_obstacle
from lab.analysis.history.clocks import DAY_S
from lab.analysis.history.series import Series
from lab.analysis.points.key import CellKey, Conditions
from lab.analysis.points.named import changes, fields_of, tells_apart
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


TURNS = 2  # days with sessions of another series between the end of a series and its successor


@dataclass(frozen=True)
class Apart:
    """A history that began when another of its cell ended, and cannot be held against it: `why` says what differs."""

    series: Series
    why: tuple[str, ...]


@dataclass(frozen=True)
class Chains:
    """Every history, and those that were cut off from what was measured before them."""

    series: tuple[Series, ...]
    apart: tuple[Apart, ...] = ()


def chained(every: Sequence[Series], runs: Runs) -> Chains:
    """Join the series that continue each other, cell by cell."""
    cells: dict[CellKey, list[Series]] = {}
    for one in every:
        cells.setdefault(one.key.cell, []).append(one)
    joined: list[Series] = []
    apart: list[Apart] = []
    for group in cells.values():
        found = _chains(group, runs) if len(group) > 1 else Chains(tuple(group))
        joined += found.series
        apart += found.apart
    return Chains(tuple(joined), tuple(apart))


def _chains(group: Sequence[Series], runs: Runs) -> Chains:
    """Those too short to be a level are no part of any other's history, and no change could be seen in them."""
    segments = segments_of(group, runs)
    long = [one for one in segments if len(one.at) >= STRETCH]
    followed = _link(long, runs)
    heads = [one for one in segments if one.before is None]
    chains = {id(head): _chain(head) for head in heads}
    left = [(old, new) for old, new in followed if new.before is None and old.after is None]
    left.sort(key=lambda pair: (-len(differing(*pair)), pair[0].conditions))  # the nearest last: it is told
    apart = {id(new): Apart(chains[id(new)], changes(old.conditions, new.conditions)) for old, new in left}
    return Chains(tuple(chains.values()), tuple(apart.values()))


def _link(segments: Sequence[Segment], runs: Runs) -> list[tuple[Segment, Segment]]:
    """Link each to the one that it continues; return all pairs of which one began when the other had ended."""
    for one in segments:
        beside = (other for other in segments if other is not one and side_by_side(one, other))
        one.beside = tuple(other.fields for other in beside)
    followed = [
        (old, new)
        for new in segments
        for old in segments
        if old is not new and old.when[0] < new.when[0] and follows(old, new)
        if is_history(old, runs) and _at_once(old, new, segments, runs)
    ]
    _join_nearest([pair for pair in followed if _continues(*pair)])
    for old, new in combinations(segments, 2):  # what came back, where nothing took its place meanwhile
        if old.series is new.series and old.after is None and new.before is None:
            old.after, new.before = new, old
    return followed


def _join_nearest(possible: Sequence[tuple[Segment, Segment]]) -> None:
    """Join pairs that differ least, the nearest first; of two that are as near neither is."""
    far = [len(differing(*pair)) for pair in possible]
    for place in sorted(range(len(possible)), key=far.__getitem__):
        old, new = possible[place]
        free = [
            other
            for other, (one, two) in enumerate(possible)
            if (one is old) != (two is new) and one.after is None and two.before is None
        ]
        if old.after is None and new.before is None and all(far[other] > far[place] for other in free):
            old.after, new.before = new, old


def _continues(old: Segment, new: Segment) -> bool:
    if not all(tells_apart(old.fields, new.fields, one) for one in old.beside + new.beside):
        return False
    return conditions_obstacle(old.conditions, new.conditions, emulated=True) is None


def _at_once(old: Segment, new: Segment, segments: Sequence[Segment], runs: Runs) -> bool:
    """Whether no other went on for more than some days between the end of the one and the beginning of the other."""
    for each in segments:
        start, end = np.searchsorted(each.when, [old.when[-1], new.when[0]])
        if end - start > TURNS and each is not old and each is not new:
            days = runs.created_s[each.series.runs[each.at[start:end]]] // DAY_S
            if len(np.unique(days)) > TURNS:
                return False
    return True


def _chain(head: Segment) -> Series:
    parts = list(_onwards(head))
    if len(parts) == 1 and len(head.at) == len(head.series.runs):
        return head.series
    when = np.concatenate([each.when for each in parts])
    order = np.argsort(when, kind="stable")
    number = np.concatenate([np.full(len(each.at), place, np.int64) for place, each in enumerate(parts)])
    return Series(
        tuple(each.series.key for each in parts),
        np.concatenate([each.series.values[each.at] for each in parts])[order],
        np.concatenate([each.series.runs[each.at] for each in parts])[order],
        number[order],
    )


def _onwards(head: Segment) -> Iterator[Segment]:
    one: Segment | None = head
    while one is not None:
        yield one
        one = one.after
