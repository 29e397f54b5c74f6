"""Runs side by side along one axis: engines, targets, quantisations, models, revisions, tags, or runs.

Each value of the axis is a side, and every side is judged against one of them, the reference. The verdicts
are the judge's own; here they are only arranged: a row for each metric of each cell, a column for each value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lab.analysis.compare.narrow import split_model
from lab.analysis.compare.rows import Row, Told, rows_of
from lab.analysis.compare.select import apart
from lab.analysis.compare.values import ACROSS, Wanted, newest_values, reference_of, values_of
from lab.analysis.judging.judge import Policy, Side, judge
from lab.analysis.judging.verdict import Judgement
from lab.analysis.points.key import STATUS, CellKey
from lab.analysis.points.table import Points
from lab.core.errors import StoreError
from lab.formats.metrics import judged
from lab.formats.notebook import html_of
from lab.store import in_use

SIDES = "side"  # the axis of two sides that were named one by one, as A and B
ALIKE = ("quant", "revision", "tag")  # sides that ran on the same things are compared thing by thing


@dataclass(frozen=True)
class Table:
    """All rows. `runs` are the ids behind each value, `notes` what differs between a value and the reference.

    Of revisions, tags and runs those beyond the newest MANY are left out: `older` counts them.
    `exit_code` of two sides, A and B, is that of their judgement. Values of an axis are not before and after: 5 when
    nothing could be compared, else 0.
    """

    axis: str
    reference: str
    values: tuple[str, ...]
    runs: dict[str, tuple[str, ...]]
    rows: tuple[Row, ...]
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    exit_code: int = 0
    older: int = 0

    def _repr_html_(self) -> str | None:
        """What a notebook shows."""
        return html_of(self)


def along(points: Points, axis: str, wanted: Wanted, policy: Policy) -> Table:
    """Return the table of all values of `axis`, each compared with the reference.

    Raises:
        StoreError: fewer than two values are on record.
        UsageError: the reference is none of them.
    """
    points, places = values_of(points, axis, wanted)
    if len(places) < 2:
        had = f"only {next(iter(places))}" if places else "none"
        raise StoreError(
            f"--axis {axis} needs at least two values, and {had} is on record in {in_use().where}",
            hint="`lab runs` lists what is stored",
        )
    reference = reference_of(axis, places, wanted.reference)
    places, older = newest_values(axis, places, reference if wanted.reference else "")
    reference = reference if reference in places else next(iter(places))
    sides = {value: Side(value, np.asarray(sorted(runs), np.int32)) for value, runs in places.items()}
    return replace(arrange(points, axis, sides, reference, policy, wanted.metrics), older=older)


def arrange(
    points: Points, axis: str, sides: Mapping[str, Side], reference: str, policy: Policy, metrics: Sequence[str] = ()
) -> Table:
    """Judge every side against the reference and put the verdicts into rows.

    Runs that a side shares with the reference count for that side alone, as `lab gate` has it. `policy.across` says in
    what two sides (SIDES) differ on purpose; of an axis it is known.
    """
    across = policy.across if axis == SIDES else ACROSS.get(axis, ())
    others = [value for value in sides if value != reference]
    told: list[Told] = []
    notes: dict[str, tuple[str, ...]] = {}
    code = 0
    for value in others:
        before, left_out = apart(sides[reference], sides[value])
        found = _judged(points, axis, before, sides[value], replace(policy, across=across)) if len(before.runs) else []
        code = max([one.exit_code for _, one in found], default=5)
        notes[value] = (*left_out, *dict.fromkeys(note for _, one in found for note in one.notes))
        sides = {**sides, reference: before} if axis == SIDES else sides
        told += [Told(value, ran_on, verdict) for ran_on, one in found for verdict in one.verdicts]
    told = [one for one in told if not metrics or one.verdict.cell.metric in (*metrics, STATUS)]
    words = {one.verdict.word for one in told}
    more = (metrics or judged()) if axis != SIDES else ()
    return Table(
        axis,
        reference,
        (reference, *others),
        {value: tuple(points.runs.run_id[run] for run in side.runs) for value, side in sides.items()},
        rows_of(points, sides, reference, told, lambda cell: _without(axis, across, cell), more),
        notes,
        code if axis == SIDES else 0 if words - {"not-comparable", "new", "missing"} else 5,
    )


def _judged(points: Points, axis: str, a: Side, b: Side, policy: Policy) -> list[tuple[str, Judgement]]:
    """One judgement; of quantisations one for each model, and where both ran on several things one for each of them.

    So no model is compared with another, and no processor against a GPU that both sides have too.
    """
    if axis not in ALIKE:
        return [("", judge(points, a, b, policy))]
    effective = _effective(points)
    shared = {effective.get(run, "") for run in a.runs.tolist()} & {effective.get(run, "") for run in b.runs.tolist()}

    def group(run: int) -> tuple[str, str]:
        ran_on = effective.get(run, "")
        base = split_model(points.runs.model[run])[0] if axis == "quant" else ""
        return base, ran_on if len(shared) > 1 and ran_on in shared else ""

    groups = dict.fromkeys(group(run) for side in (a, b) for run in side.runs.tolist())
    return [(key[1], judge(points, *_halves(a, b, key, group), policy)) for key in groups]


def _halves(a: Side, b: Side, key: tuple[str, str], group: Callable[[int], tuple[str, str]]) -> tuple[Side, Side]:
    first, second = (
        Side(side.label, np.asarray([run for run in side.runs.tolist() if group(run) == key], np.int32))
        for side in (a, b)
    )
    return first, second


def _effective(points: Points) -> dict[int, str]:
    """What each run really ran on."""
    last = zip(points.run.tolist(), points.series.tolist(), strict=True)
    return {run: points.keys[series].conditions.effective for run, series in last}


def _without(axis: str, across: Sequence[str], cell: CellKey) -> CellKey:
    if axis == "quant":
        return replace(cell, model=split_model(cell.model)[0])
    return replace(cell, **{name: type(getattr(cell, name))() for name in across})
