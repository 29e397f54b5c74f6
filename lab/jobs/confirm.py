"""`lab gate --confirm`: what looks worse is measured again, old and new in turns A B B A, before it counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lab.analysis.compare.select import codes
from lab.analysis.judging.confirm import confirmed
from lab.analysis.judging.sides import Side
from lab.analysis.judging.verdict import Judgement, Verdict
from lab.analysis.points.build import points_of
from lab.analysis.points.key import STATUS
from lab.core.errors import LabError
from lab.core.progress import Progress
from lab.formats.metrics import metric
from lab.formats.run_record import RunRecord, new_run_id
from lab.formats.tags import CONFIRM
from lab.formats.test import Test
from lab.jobs.gate import Judged
from lab.store import BadRun, entries, read_entry

ORDER = "abba"  # what drifts steadily is in both sides alike
Group = tuple[str, str, str]


class Measures(Protocol):
    """What measures one session of the build that a record is of; tests put their own here."""

    def check(self, record: RunRecord) -> None:
        """Raise LabError where its build is not at hand, before anything is measured."""

    def session(self, record: RunRecord, cells: tuple[Test, ...], marks: dict[str, Any]) -> RunRecord:
        """Measure `cells` with the build of `record`; `marks` go on record."""


@dataclass(frozen=True)
class Stage:
    """One model in one engine on one target: what is to be confirmed, and the run that each side's build is of."""

    group: Group
    suspects: tuple[Verdict, ...]
    old: RunRecord
    new: RunRecord

    @property
    def cells(self) -> tuple[Test, ...]:
        """The tests to measure again, each once."""
        return tuple(dict.fromkeys(Test.of(one.cell) for one in self.suspects))


Outcome = tuple[Judgement, list[str], str | None]


def confirm(found: Judged, measures: Measures, rounds: int, progress: Progress) -> Outcome:
    """Return the judgement with confirmed verdicts, notes, and why the device could not be asked (None: it was).

    What cannot be measured again keeps its verdict, and a note says why.
    """
    of = found.gate.judgement
    suspects = [verdict for verdict in of.verdicts if is_suspect(verdict)]
    if not suspects:
        return of, ["nothing to confirm: no number looks worse"], None
    notes: list[str] = []
    outcome: dict[int, Verdict] = {}
    try:
        for stage in _stages(found, suspects, notes):
            outcome |= _confirmed(found, stage, len(suspects), measures, rounds, progress, notes)
    except LabError as problem:
        if problem.exit_code != 4:
            raise
        return _with(of, outcome), notes, problem.what
    return _with(of, outcome), notes, None


def is_suspect(verdict: Verdict) -> bool:
    """Whether it is a number that got worse, proven or not, by more than its floor."""
    if verdict.cell.metric == STATUS or verdict.ratio is None:
        return False
    if verdict.word != "unproven":
        return verdict.word in ("slower", "bigger")
    worse = verdict.ratio < 1 if metric(verdict.cell.metric).better == "higher" else verdict.ratio > 1
    return worse and abs(verdict.ratio - 1) >= (verdict.floor or 0.0)


def _with(of: Judgement, outcome: dict[int, Verdict]) -> Judgement:
    return replace(of, verdicts=tuple(outcome.get(id(verdict), verdict) for verdict in of.verdicts))


def _stages(found: Judged, suspects: Sequence[Verdict], notes: list[str]) -> Iterator[Stage]:
    groups: dict[Group, list[Verdict]] = {}
    for verdict in suspects:
        groups.setdefault((verdict.cell.target, verdict.cell.model, verdict.cell.engine), []).append(verdict)
    for group, verdicts in groups.items():
        old, new = _newest(found, found.a, group), _newest(found, found.b, group)
        if old is None or new is None:
            notes.append(f"{_name(group)}: not confirmed: no run on record tells its build")
        else:
            yield Stage(group, tuple(verdicts), old, new)


def _newest(found: Judged, side: Side, group: Group) -> RunRecord | None:
    """Return the newest run of the side that measured this with a build."""
    runs = found.points.runs
    wanted = {runs.run_id[i]: i for i in side.runs.tolist() if (runs.target[i], runs.model[i]) == group[:2]}
    for entry in reversed(entries(group[0])):
        if entry.run_id in wanted:
            record = read_entry(entry)
            if not isinstance(record, BadRun) and record.engine.name == group[2] and record.bundle.key:
                return record
    return None


def _confirmed(
    found: Judged,
    stage: Stage,
    suspects: int,
    measures: Measures,
    rounds: int,
    progress: Progress,
    notes: list[str],
) -> dict[int, Verdict]:
    try:
        for record in (stage.old, stage.new):
            measures.check(record)
        records = _measured(stage, measures, rounds, progress)
    except LabError as problem:
        if problem.exit_code == 4:
            raise
        hint = f" ({problem.hint})" if problem.hint else ""
        notes.append(f"{_name(stage.group)}: not confirmed: {problem.what}{hint}")
        return {}
    return _judged(found, stage, suspects, records, notes)


def _measured(stage: Stage, measures: Measures, rounds: int, progress: Progress) -> dict[str, list[RunRecord]]:
    """Measure both sides in turns; each session is stored as a run of its own, so Ctrl-C keeps those before it."""
    records: dict[str, list[RunRecord]] = {"a": [], "b": []}
    sides = {"a": stage.old, "b": stage.new}
    turns, mark = ORDER * rounds, new_run_id()
    with progress.phase(f"confirm {_name(stage.group)}", len(turns), "sessions") as advance:
        for turn, side in enumerate(turns):
            about = {"id": mark, "side": side, "turn": turn, "of": sides[side].run_id}
            records[side].append(measures.session(sides[side], stage.cells, {CONFIRM: about}))
            advance(1)
    return records


def _judged(
    found: Judged, stage: Stage, suspects: int, records: dict[str, list[RunRecord]], notes: list[str]
) -> dict[int, Verdict]:
    """Judge the new sessions; `suspects` are those of all stages, which share the level."""
    points = points_of([record for side in records.values() for record in side])
    a, b = (_side(points.runs.run_id, name, records[side]) for name, side in (("old", "a"), ("new", "b")))
    turn = _turns(points.runs.run_id, [record for side in records.values() for record in side])
    outcome = {id(one): confirmed(one, points, a, b, turn, found.policy, suspects) for one in stage.suspects}
    if _same_runner(stage.old, stage.new, records["a"][0]):
        return outcome
    notes.append(
        f"{_name(stage.group)}: both sides were measured again with the runner of this lab, which one of them did not "
        "have: what is not confirmed keeps its verdict"
    )
    return {key: verdict for key, verdict in outcome.items() if verdict.confirmed}


def _side(run_ids: Sequence[str], label: str, records: Iterable[RunRecord]) -> Side:
    wanted = {record.run_id for record in records}
    return Side(label, codes(i for i, run_id in enumerate(run_ids) if run_id in wanted))


def _turns(run_ids: Sequence[str], records: Iterable[RunRecord]) -> NDArray[np.int32]:
    """Return the turn of each run, as its session has it on record: two and two of them are neighbours."""
    turn = {record.run_id: record.confirm.turn for record in records if record.confirm}
    return np.array([turn[run_id] for run_id in run_ids], np.int32)


def _same_runner(*records: RunRecord) -> bool:
    """Whether all ran with the same runner: a loss in the runner is in neither side when both have the new one."""
    return len({(record.engine.runner or {}).get("key") for record in records}) == 1


def _name(group: Group) -> str:
    return f"{group[1]} on {group[0]}"
