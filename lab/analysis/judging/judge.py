"""Side B, the candidate, compared with side A, the baseline, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lab.analysis.judging.evidence import CORRECTION, evidence
from lab.analysis.judging.matching import Matched, matched
from lab.analysis.judging.numbers import latest, sessions
from lab.analysis.judging.pairing import Match
from lab.analysis.judging.sides import FLOOR, Policy, Side
from lab.analysis.judging.spread import spread
from lab.analysis.judging.verdict import Judgement, Verdict
from lab.analysis.judging.verdict_text import verdicts
from lab.analysis.points.defaults import COLUMNS, LLAMA_BENCH
from lab.analysis.points.named import DEVICES_DIFFER, changes
from lab.analysis.points.table import Points, Runs

__all__ = ["FLOOR", "Policy", "Side", "judge"]

PAST = 60  # sessions before both sides from which noise is learned


def judge(points: Points, a: Side, b: Side, policy: Policy) -> Judgement:
    """Return a verdict for every cell and metric that a side has.

    A cell that is broken, missing or not comparable has one verdict, of metric STATUS. Series that differ in their
    conditions are never merged: such a cell has a verdict for each. Runs of the same series that are older than both
    sides say how noisy it is (`policy.past`).
    """
    found = matched(points, a, b, policy)
    said = [*found.said, *_measured(points, found, a, b, policy)]
    return Judgement(
        a=a.label,
        b=b.label,
        verdicts=tuple(sorted(said, key=lambda verdict: (verdict.cell, verdict.settings))),
        level=policy.level,
        correction=CORRECTION,
        notes=_notes(points, found.matches, a, b, policy),
    )


def _measured(points: Points, found: Matched, a: Side, b: Side, policy: Policy) -> list[Verdict]:
    if not found.pairs:
        return []
    before = np.array([pair.a for pair in found.pairs], np.int32)
    after = np.array([pair.b for pair in found.pairs], np.int32)
    sides = sessions(points, found.mask_a, before), sessions(points, found.mask_b, after)
    first = min(int(a.runs.min()), int(b.runs.min()))
    past = latest(sessions(points, points.run < first, before), PAST) if policy.past else None
    cells = [points.keys[pair.b].cell for pair in found.pairs]
    group = found.groups(points)
    told = verdicts(cells, evidence(*sides, group, past), spread(*sides, group, past), policy)
    keys = points.keys
    return [
        replace(one, settings=pair.settings, series_a=keys[pair.a], series_b=keys[pair.b])
        for one, pair in zip(told, found.pairs, strict=True)
    ]


def _notes(points: Points, found: Sequence[Match], a: Side, b: Side, policy: Policy) -> tuple[str, ...]:
    """What differs between the sides and does not keep them apart, each said once."""
    same = sorted(set(a.runs.tolist()) & set(b.runs.tolist()))
    notes = [f"{points.runs.run_id[run]} is in both sides" for run in same]
    for each in found:
        if each.a is not None and each.b is not None and each.obstacle is None:
            notes += changes(points.keys[each.a].conditions, points.keys[each.b].conditions)
    notes += assumed(points.runs, a, b)
    expected = DEVICES_DIFFER if "target" in policy.across else None
    return tuple(note for note in dict.fromkeys(notes) if note != expected)


def assumed(runs: Runs, a: Side, b: Side) -> Iterator[str]:
    """Yield a note for each side that lacks columns of the other: - flash_attn: the candidate has no such column ..."""
    have = [int(np.bitwise_or.reduce(runs.columns[side.runs], initial=0)) for side in (a, b)]
    for sign, name, mine, other in (("-", "candidate", have[1], have[0]), ("+", "baseline", have[0], have[1])):
        lacking = [column for place, column in enumerate(COLUMNS) if other & ~mine & 1 << place]
        if lacking and mine:
            values = ", ".join(f"{column}={LLAMA_BENCH[column] or 'none'}" for column in lacking)
            what = "column" if len(lacking) == 1 else "columns"
            yield f"{sign} {', '.join(lacking)}: the {name} has no such {what}; assumed at the default: {values}"
