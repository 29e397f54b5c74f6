"""In which order a history stands: that of its revisions, as far as anybody knows it.

An old commit that is measured again belongs beside its first measurement and not at the end, where its level would
look like the newest one. Which commit is older is asked of the repository around the working folder; of the build
numbers that llama.cpp counts its commits by; else the one that was measured first is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.analysis.commits import whole
from lab.analysis.points.table import Runs
from lab.formats.revision import Repository

COUNTED = 100  # a build number below is that of a checkout without its history
Rank = tuple[int, int]  # of a commit among those of its kind, and its first session
Ranks = Mapping[str, Rank]


@dataclass(frozen=True)
class Order:
    """`placed_s` [R] is when each run stands in its history, seconds since 1970: its own time unless it was `moved`.

    `moved` counts the runs of commits that stand before what was measured between. `known` counts commits by what told
    their order: `git`, `build number` or `date`.
    """

    placed_s: NDArray[np.int64]
    moved: int
    known: dict[str, int]


def order_of(runs: Runs, without: Collection[int] = (), repository: Repository | None = None) -> Order:
    """Return the order of the runs, each target and model by itself; runs in `without`, and dirty ones, stay."""
    commit = _commits(runs, without)
    kinds = _kinds(runs, commit, repository)
    placed = runs.created_s.copy()
    for group in _groups(runs, commit):
        for ranks in kinds.values():
            mine = [place for place in group if commit[place] in ranks]
            placed[mine] = _placed(runs, mine, commit, ranks)
    moved = int(np.count_nonzero(placed != runs.created_s))
    return Order(placed, moved, {name: len(ranks) for name, ranks in kinds.items() if ranks})


def _commits(runs: Runs, without: Collection[int]) -> list[str]:
    """The commit of each run that has one and is clean, else ""."""
    same = whole(runs.commit)
    left_out = set(without)
    return [
        "" if dirty or place in left_out else same[commit]
        for place, (commit, dirty) in enumerate(zip(runs.commit, runs.dirty.tolist(), strict=True))
    ]


def _kinds(runs: Runs, commit: Sequence[str], repository: Repository | None) -> dict[str, Ranks]:
    """The ranks of all commits, by what told them; each commit is in one of them."""
    by_time = np.lexsort((np.arange(len(runs)), runs.created_s)).tolist()
    first = {commit[place]: when for when, place in reversed(list(enumerate(by_time))) if commit[place]}
    numbers = {one: runs.build_number[place] for place, one in enumerate(commit) if one}
    by_git = repository.ranks(first) if repository is not None and first else {}
    counted = {one: number for one, number in numbers.items() if number >= COUNTED and one not in by_git}
    by_number = counted if len(set(counted.values())) > 1 else {}  # one number for all tells nothing
    by_date = {one: 0 for one in first if one not in by_git and one not in by_number}
    kinds = {"git": by_git, "build number": by_number, "date": by_date}
    return {name: {one: (rank, first[one]) for one, rank in ranks.items()} for name, ranks in kinds.items()}


def _groups(runs: Runs, commit: Sequence[str]) -> Iterable[list[int]]:
    groups: dict[tuple[str, str], list[int]] = {}
    for place, (target, model) in enumerate(zip(runs.target, runs.model, strict=True)):
        if commit[place]:
            groups.setdefault((target, model), []).append(place)
    return groups.values()


def _placed(runs: Runs, places: Sequence[int], commit: Sequence[str], ranks: Ranks) -> list[int]:
    """When each of the runs stands: no later than the first session of any newer commit."""
    first: dict[str, int] = {}
    for place in places:
        at = int(runs.created_s[place])
        first[commit[place]] = min(first.get(commit[place], at), at)
    latest, bound = dict[str, int](), np.iinfo(np.int64).max
    for one in sorted(first, key=ranks.__getitem__, reverse=True):
        latest[one] = bound
        bound = min(bound, first[one]) - 1
    return [min(int(runs.created_s[place]), latest[commit[place]]) for place in places]
