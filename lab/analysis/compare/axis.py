"""Runs side by side along one axis: engines, targets, quantisations, models, revisions, tags, or runs.

Each value of the axis is a side, and every side is judged against one of them, the baseline. The words are the
judge's own; here they are only arranged: a row for each metric of each cell, a column for each value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lab.analysis.boards.apart import natural
from lab.analysis.boards.lines import lines_of
from lab.analysis.boards.windows import newness_of_runs
from lab.analysis.commits import is_same, readable, whole
from lab.analysis.judging.judge import Policy, Side, judge
from lab.analysis.judging.verdict import Judgement, Verdict
from lab.analysis.points.key import CellKey, Fields
from lab.analysis.points.table import Points
from lab.core.errors import StoreError, UsageError
from lab.core.suggest import unknown

AXES = ("engine", "target", "quant", "model", "revision", "tag", "run")
ACROSS = {"engine": ("engine",), "target": ("target",), "quant": ("model",), "model": ("model",)}
SIDES = "side"  # the axis of two sides that were named one by one, as A and B
RECENT = 5  # the newest runs of a value that count, where its runs are no closed set as those of a revision are
FIRST = {"engine": "tvm", "target": "local"}  # the baseline where nobody names one
ALIKE = ("quant", "revision", "tag")  # sides that ran on the same things are held together thing by thing
Rows = dict[tuple[CellKey, str, Fields, float | None], dict[str, Verdict]]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which runs take part: of a target, of a model (an id, a label, or a model without its quantisation)."""

    target: str | None = None
    model: str | None = None
    last: int | None = None
    baseline: str | None = None
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One metric of one cell (`cell` without what the axis varies), and its verdict by value of the axis.

    `ran_on` says on what, where both sides ran on several things, `settings` what else tells it from other rows of the
    cell. `a` is the baseline's median in the metric's own unit; null where it has none. `within` is the 95 % interval
    of the ratio of two single runs by their repetitions: what varies within a session, and nothing between sessions.
    """

    cell: CellKey
    ran_on: str
    settings: Fields
    a: float | None
    verdicts: dict[str, Verdict]
    within: tuple[float, float] | None = None


@dataclass(frozen=True)
class Table:
    """All rows. `runs` are the ids behind each value, `notes` what differs between a value and the baseline.

    `exit_code` of two sides, A and B, is that of their judgement. Values of an axis are not before and after: 5 when
    nothing could be compared, else 0.
    """

    axis: str
    baseline: str
    values: tuple[str, ...]
    runs: dict[str, tuple[str, ...]]
    rows: tuple[Row, ...]
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    exit_code: int = 0


def split_model(label: str) -> tuple[str, str]:
    """Return a model's label without its quantisation, and the quantisation: phi3-mini@2l and q4."""
    name, at, layers = label.partition("@")
    base, _, quant = name.rpartition("-")
    return (f"{base}{at}{layers}", quant) if base else (label, "unknown")


def along(points: Points, axis: str, wanted: Wanted, policy: Policy) -> Table:
    """Return the table of all values of `axis` against the baseline.

    Raises:
        StoreError: fewer than two values are on record.
        UsageError: the baseline is none of them.
    """
    places = _values(points, axis, wanted)
    if len(places) < 2:
        had = f"only {next(iter(places))}" if places else "none"
        raise StoreError(
            f"--axis {axis} needs two values at the least, and {had} is on record",
            hint="`lab runs` lists what is stored",
        )
    baseline = _baseline(axis, places, wanted.baseline)
    sides = {value: Side(value, np.asarray(sorted(runs), np.int32)) for value, runs in places.items()}
    return arrange(points, axis, sides, baseline, policy, wanted.metrics)


def arrange(
    points: Points, axis: str, sides: Mapping[str, Side], baseline: str, policy: Policy, metrics: Sequence[str] = ()
) -> Table:
    """Judge every side against the baseline and put the verdicts into rows.

    `policy.across` says in what two sides (SIDES) differ on purpose; of an axis it is known.
    """
    across = policy.across if axis == SIDES else ACROSS.get(axis, ())
    code = 0
    others = [value for value in sides if value != baseline]
    rows: Rows = {}
    notes: dict[str, tuple[str, ...]] = {}
    for value in others:
        found = _judged(points, axis, sides[baseline], sides[value], replace(policy, across=across))
        code = max([one.exit_code for _, one in found], default=0)
        notes[value] = tuple(dict.fromkeys(note for _, one in found for note in one.notes))
        for ran_on, verdict in ((ran_on, verdict) for ran_on, one in found for verdict in one.verdicts):
            if not metrics or verdict.cell.metric in (*metrics, ""):
                key = (_without(axis, across, verdict.cell), ran_on, verdict.settings, verdict.a)
                rows.setdefault(key, {})[value] = verdict
    return Table(
        axis,
        baseline,
        (baseline, *others),
        {value: tuple(points.runs.run_id[run] for run in side.runs) for value, side in sides.items()},
        tuple(Row(*key, found) for key, found in sorted(_united(rows).items(), key=lambda row: _order(row[0]))),
        notes,
        code if axis == SIDES else _code_of(rows),
    )


def _code_of(rows: Rows) -> int:
    words = {verdict.word for found in rows.values() for verdict in found.values()}
    return 0 if words - {"not-comparable", "new", "missing"} else 5


def _united(rows: Rows) -> Rows:
    """The same rows; what has no settings, since its side has but one of several, stands in the row of its baseline."""
    found = {key: dict(verdicts) for key, verdicts in rows.items()}
    for key in [key for key in rows if not key[2] and key[3] is not None]:
        alike = [other for other in rows if other[2] and (other[0], other[1], other[3]) == (key[0], key[1], key[3])]
        if len(alike) == 1:
            found[alike[0]] |= found.pop(key)
    return found


def _order(key: tuple[CellKey, str, Fields, float | None]) -> tuple[object, ...]:
    return key[0], key[1], [(name, natural(text)) for name, text in key[2]]


def _judged(points: Points, axis: str, a: Side, b: Side, policy: Policy) -> list[tuple[str, Judgement]]:
    """One judgement; of quantisations one for each model, and where both ran on several things one for each of them.

    So no model is held against another, and no processor against a GPU that both sides have too.
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
    return replace(cell, **dict.fromkeys(across, ""))  # type: ignore[arg-type]


def _values(points: Points, axis: str, wanted: Wanted) -> dict[str, list[int]]:
    """Places in `Points.runs` by value of the axis: engines and the like by name, what has a time by its time."""
    read = _reader(points, axis)
    found: dict[str, list[int]] = {}
    for run in range(len(points.runs)):
        if _takes_part(points, run, wanted):
            for value in read(run):
                found.setdefault(value, []).append(run)
    ordered = found if axis in ("revision", "tag", "run") else dict(sorted(found.items()))
    last = wanted.last or (RECENT if axis in ACROSS else None)
    newness = newness_of_runs(points, lines_of(points))
    return {value: [run for run in runs if last is None or newness[run] < last] for value, runs in ordered.items()}


def _reader(points: Points, axis: str) -> Callable[[int], Iterable[str]]:
    runs = points.runs
    commits = _commits(runs.commit) if axis == "revision" else []
    engines = dict(zip(points.run.tolist(), points.series.tolist(), strict=True))
    of: dict[str, Callable[[int], Iterable[str]]] = {
        "engine": lambda run: [points.keys[engines[run]].cell.engine] if run in engines else [],
        "target": lambda run: [runs.target[run]],
        "quant": lambda run: [split_model(runs.model[run])[1]],
        "model": lambda run: [runs.model[run]],
        "revision": lambda run: [commits[run]] if commits[run] and not runs.dirty[run] else [],
        "tag": lambda run: runs.tags[run],
        "run": lambda run: [runs.run_id[run]],
    }
    return of[axis]


def _takes_part(points: Points, run: int, wanted: Wanted) -> bool:
    label = points.runs.model[run]
    names = (label, label.partition("@")[0], split_model(label)[0], split_model(label)[0].partition("@")[0])
    return wanted.target in (None, points.runs.target[run]) and (wanted.model is None or wanted.model in names)


def _commits(commits: Sequence[str]) -> list[str]:
    """Each run's commit as people read it, the same one always with the same digits."""
    same = whole(commits)
    read = dict(zip(same.values(), readable(list(same.values())), strict=True))
    return [read[same[one]] for one in commits]


def _names(axis: str, asked: str, value: str) -> bool:
    if axis == "revision":
        return value.startswith(asked) or is_same(value, asked)
    return value == asked or (axis == "run" and value.startswith(asked))


def _baseline(axis: str, places: Mapping[str, list[int]], asked: str | None) -> str:
    if asked is None:
        return FIRST[axis] if FIRST.get(axis) in places else next(iter(places))
    matches = [value for value in places if _names(axis, asked, value)]
    if asked in places:
        return asked
    if len(matches) != 1:
        raise UsageError(unknown(axis, asked, places))
    return matches[0]
