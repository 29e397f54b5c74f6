"""Every cell of the history with its newest value and its verdict: what rows are then made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lab.analysis.boards.axes import Base, base_of
from lab.analysis.boards.board import BoardCell
from lab.analysis.boards.newest import Newest, newest_of_cells
from lab.analysis.boards.sides import sides_of
from lab.analysis.boards.words import NO_NUMBERS, RANK, role_of, value_words
from lab.analysis.judging.sides import Policy
from lab.analysis.judging.verdict import Judgement, Verdict
from lab.analysis.points.key import STATUS, CellKey
from lab.analysis.points.table import Points, Runs
from lab.core.dashboard import DashboardSpec
from lab.core.metrics import NOT_MEASURED

HISTORY = 60  # sessions that a small picture shows


@dataclass(frozen=True)
class Judged:
    """What the dashboard's baseline makes of the newest sessions."""

    verdicts: Mapping[CellKey, Verdict]
    baseline_run: Mapping[Base, int]
    notes: tuple[str, ...] = ()

    def of(self, key: CellKey) -> Verdict | None:
        """Return the verdict on the metric; that on the whole cell where it says more."""
        whole = self.verdicts.get(replace(key, metric=STATUS))
        mine = self.verdicts.get(key)
        if whole is not None and (mine is None or RANK.get(whole.word, 0) > RANK.get(mine.word, 0)):
            return None if whole.word == "same" else whole
        return mine


def judged(points: Points, spec: DashboardSpec, policy: Policy) -> Judged:
    """Judge the newest sessions of every cell against the dashboard's baseline."""
    if spec.baseline.against == "none":
        return Judged({}, {})
    from lab.analysis.judging.judge import judge  # with it comes scipy, and a first picture has no verdicts

    sides = sides_of(points, spec.baseline)
    found: Judgement = judge(sides.points, sides.a, sides.b, policy)
    return Judged({one.cell: one for one in found.verdicts}, sides.baseline_run, found.notes)


def cells_of(points: Points, spec: DashboardSpec, policy: Policy) -> tuple[dict[CellKey, BoardCell], Judged]:
    """Return every metric of every cell, the newest of it and its verdict; a cell without any number by its status."""
    verdicts = judged(points, spec, policy)
    newest = newest_of_cells(points)
    statuses = {base_of(key): one for key, one in newest.items() if key.metric == STATUS}
    wanted = {key: one for key, one in newest.items() if key.metric in spec.metrics}
    silent = set(statuses) - {base_of(key) for key in wanted}
    found = {key: _measured(key, one, statuses.get(base_of(key)), verdicts) for key, one in wanted.items()}
    for key, one in newest.items():
        if key.metric == STATUS and base_of(key) in silent:
            found[key] = _cell(key, one, verdicts.of(key), verdicts, value=None)
    return found, verdicts


def _measured(key: CellKey, one: Newest, status: Newest | None, judged: Judged) -> BoardCell:
    """One metric; where a later session of its cell gave no numbers, that session is what is shown."""
    verdict = judged.of(key)
    if status is not None and status.run > one.run and status.status in NO_NUMBERS:
        silent = Newest(status.points, status.at, one.series)
        return _cell(key, silent, verdict, judged, value=None)
    return _cell(key, one, verdict, judged, value=float(one.points.value[one.at]))


def _cell(key: CellKey, one: Newest, verdict: Verdict | None, judged: Judged, value: float | None) -> BoardCell:
    points, runs = one.points, one.points.runs
    word, reason = _word(one, verdict, value)
    recent = one.series[-HISTORY:] if key.metric != STATUS else one.series[:0]
    baseline = judged.baseline_run.get(base_of(key))
    sd = float(points.sd[one.at]) if value is not None else float("nan")
    return BoardCell(
        text=value_words(key.metric, value) if value is not None else NOT_MEASURED,
        word=word,
        reason=reason,
        role=role_of(word),
        key=key,
        value=value,
        sd=sd if sd == sd else None,
        history=tuple(points.value[recent].tolist()),
        history_runs=tuple(runs.run_id[code] for code in points.run[recent].tolist()),
        sessions=len(one.series),
        run_id=runs.run_id[one.run],
        place=runs.place[one.run],
        created_s=int(runs.created_s[one.run]),
        baseline_run_id=_run_text(runs, baseline, "run_id"),
        baseline_place=_run_text(runs, baseline, "place"),
        labels=one.labels,
        verdict=verdict,
    )


def _run_text(runs: Runs, code: int | None, column: str) -> str:
    return "" if code is None else str(getattr(runs, column)[code])


def _word(one: Newest, verdict: Verdict | None, value: float | None) -> tuple[str, str]:
    silent = value is None and one.status in NO_NUMBERS
    if verdict is not None and not (silent and verdict.word in ("new", "not-comparable")):
        return verdict.word, verdict.reason
    return (one.status.replace("_", " "), one.reason) if silent else ("", "")
