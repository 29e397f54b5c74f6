"""Whether a revision has what is hunted: its runs against those of the good one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from lab.analysis.compare.select import codes
from lab.analysis.judging.judge import Policy, Side, judge
from lab.analysis.judging.sentences import change, metric_title, test_name
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.build import points_of
from lab.analysis.points.key import STATUS
from lab.formats.calibration import load_floors
from lab.formats.run_record import RunRecord
from lab.jobs.bisect.state import BAD, GOOD, SKIP, Hunt
from lab.store import BadRun, entries, read_entry


def verdicts(hunt: Hunt, good: Iterable[str], here: Iterable[str]) -> tuple[Verdict, ...]:
    """Judge the runs `here` against those of the good revision, in the metrics that are asked for."""
    good, here = set(good), set(here)
    points = points_of(_records(hunt.target, good | here))
    a, b = (
        Side(name, codes(i for i, run_id in enumerate(points.runs.run_id) if run_id in ids))
        for name, ids in (("good", good), ("here", here))
    )
    wanted = {STATUS, *hunt.metrics} if hunt.metrics else None
    floors = load_floors()
    if hunt.floor is not None:
        floors = {(key.cell.target, key.cell.metric): hunt.floor for key in points.keys}
    found = judge(points, a, b, Policy(floors=floors, emulated=hunt.emulated)).verdicts
    return tuple(verdict for verdict in found if wanted is None or verdict.cell.metric in wanted)


def hunted(found: Iterable[Verdict]) -> tuple[dict[str, Any], ...]:
    """Return what got worse, as the hunt keeps it. With metrics that got worse, what is not a number is none."""
    return tuple({"cell": asdict(one.cell), "word": one.word, "ratio": one.ratio} for one in found if one.is_alarm)


def told(found: Sequence[Verdict], prey: Sequence[dict[str, Any]]) -> tuple[int | None, str]:
    """Return what git is to be told and why; None where more sessions may tell."""
    of = {tuple(sorted(asdict(one.cell).items())): one for one in found}
    here = [(of.get(tuple(sorted(one["cell"].items()))), one) for one in prey]
    there = [(verdict, one) for verdict, one in here if verdict is not None]
    worse = [verdict for verdict, _ in there if verdict.is_alarm]
    if worse:
        return BAD, "; ".join(map(line, worse))
    if len(there) < len(here) or any(verdict.word == "not-comparable" for verdict, _ in there):
        return SKIP, "it gives no numbers to compare"
    if any(verdict.word == "unproven" for verdict, _ in there):
        return None, "; ".join(line(verdict) for verdict, _ in there)
    return GOOD, "; ".join(line(verdict) for verdict, _ in there)


def nearer(found: Sequence[Verdict], prey: Sequence[dict[str, Any]]) -> int:
    """Return the end that the first test with numbers is nearer to, on the scale of ratios."""
    of = {tuple(sorted(asdict(one.cell).items())): one for one in found}
    for one in prey:
        verdict = of.get(tuple(sorted(one["cell"].items())))
        if verdict is not None and verdict.ratio and one["ratio"]:
            return BAD if math.log(verdict.ratio) / math.log(one["ratio"]) > 0.5 else GOOD
    return SKIP


def line(verdict: Verdict) -> str:
    """Return a verdict as a step tells it."""
    changed = "" if verdict.ratio is None else f" {change(verdict)}"
    return f"{test_name(verdict.cell)} {metric_title(verdict.cell)}: {verdict.word}{changed}"


def _records(target: str, ids: set[str]) -> list[RunRecord]:
    found = [read_entry(entry) for entry in entries(target) if entry.run_id in ids]
    return [record for record in found if not isinstance(record, BadRun)]
