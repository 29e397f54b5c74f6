"""Every line of the history with its newest value and its verdict: what rows are then made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lab.analysis.boards.board import BoardCell, Seam
from lab.analysis.boards.cell_text import NO_NUMBERS, cut, day_words, rank_of, role_of, value_words
from lab.analysis.boards.lines import Line
from lab.analysis.boards.newest import Newest, last_days, newest_of_lines
from lab.analysis.boards.sides import sides_of
from lab.analysis.judging.sides import Policy
from lab.analysis.judging.verdict import Judgement, Verdict
from lab.analysis.points.key import STATUS
from lab.analysis.points.table import STATUSES, Points, Runs
from lab.formats.dashboard import DashboardSpec
from lab.formats.metrics import NOT_MEASURED

HISTORY = 60  # sessions that a small picture shows
LABEL = 80  # characters


@dataclass(frozen=True)
class Judged:
    """What the dashboard's baseline makes of the newest sessions."""

    verdicts: Mapping[Line, Verdict]
    baseline_run: Mapping[Line, int]
    notes: tuple[str, ...] = ()

    def of(self, line: Line) -> Verdict | None:
        """Return the verdict on the metric; that on the whole cell where it says more."""
        whole, mine = self.verdicts.get(line.base), self.verdicts.get(line)
        if whole is not None and (mine is None or rank_of(whole.word) > rank_of(mine.word)):
            return None if whole.word == "same" else whole
        return mine


def judged(points: Points, lines: Sequence[Line], spec: DashboardSpec, policy: Policy) -> Judged:
    """Judge the newest sessions of every line against the dashboard's baseline."""
    if spec.baseline.against == "none":
        return Judged({}, {})
    from lab.analysis.judging.judge import judge  # with it comes scipy, and a first picture has no verdicts

    sides = sides_of(points, lines, spec.baseline)
    found: Judgement = judge(sides.points, sides.a, sides.b, policy)
    verdicts = {sides.line(one.cell): one for one in found.verdicts}
    told = {line: replace(one, cell=line.cell) for line, one in verdicts.items()}
    return Judged(told, sides.baseline_run, found.notes)


def cells_of(
    points: Points, lines: Sequence[Line], spec: DashboardSpec, policy: Policy
) -> tuple[dict[Line, BoardCell], Judged]:
    """Return every metric of every line, the newest of it and its verdict; one without any number by its status."""
    verdicts = judged(points, lines, spec, policy)
    newest = newest_of_lines(points, lines)
    statuses = {line: one for line, one in newest.items() if line.cell.metric == STATUS}
    last = last_days(statuses)
    found: dict[Line, BoardCell] = {}
    for line, one in newest.items():
        if line.cell.metric in spec.metrics:
            found[line] = _measured(line, one, statuses.get(line.base), verdicts, last.get(line.base, ""), policy)
    for line in set(statuses) - {line.base for line in found}:
        found[line] = _cell(line, newest[line], verdicts, last.get(line, ""), policy, value=None)
    return {line: _counted(cell, statuses.get(line.base)) for line, cell in found.items()}, verdicts


def _counted(cell: BoardCell, status: Newest | None) -> BoardCell:
    """The cell with those sessions of its line that gave no numbers: they are sessions too."""
    if status is None:
        return cell
    points, runs = status.points, status.points.runs
    silent = int(np.count_nonzero(points.status[status.series] != STATUSES.index("ok")))
    whole = cell.key is not None and cell.key.metric == STATUS
    return replace(
        cell,
        sessions=len(status.series) if whole else cell.sessions + silent,
        silent=silent,
        newest_s=max(cell.created_s, int(runs.created_s[status.run])),
    )


def _measured(line: Line, one: Newest, status: Newest | None, judged: Judged, last: str, policy: Policy) -> BoardCell:
    """One metric; where a later session of its line gave no numbers, that session is what is shown."""
    if status is not None and status.run > one.run and status.status in NO_NUMBERS:
        return _cell(line, Newest(status.points, status.at, one.series), judged, last, policy, value=None)
    return _cell(line, one, judged, last, policy, value=float(one.points.value[one.at]))


def _cell(line: Line, one: Newest, judged: Judged, last: str, policy: Policy, value: float | None) -> BoardCell:
    key, points, runs = line.cell, one.points, one.points.runs
    verdict = judged.of(line)
    word, reason = _word(one, verdict, value)
    sound = one.sound
    recent = sound[-HISTORY:] if key.metric != STATUS else sound[:0]
    baseline = judged.baseline_run.get(line.base)
    seams = _seams(one, len(sound) - len(recent))
    sd = float(points.sd[one.at]) if value is not None else float("nan")
    return BoardCell(
        text=value_words(key.metric, value) if value is not None else NOT_MEASURED,
        word=word,
        reason=reason,
        role=role_of(word),
        key=key,
        under=line.under,
        last=last,
        value=value,
        sd=sd if sd == sd else None,
        history=tuple(points.value[recent].tolist()),
        history_runs=tuple(runs.run_id[code] for code in points.run[recent].tolist()),
        seams=seams,
        threshold=policy.floor(key.target, key.metric),
        sessions=len(one.series),
        is_part=one.is_part,
        run_id=runs.run_id[one.run],
        place=runs.place[one.run],
        created_s=int(runs.created_s[one.run]),
        baseline_run_id=_run_text(runs, baseline, "run_id"),
        baseline_place=_run_text(runs, baseline, "place"),
        labels=(*one.labels, *_told(seams, last)),
        verdict=verdict,
    )


def _seams(one: Newest, first: int) -> tuple[Seam, ...]:
    """The seams of the history from place `first` on; their places are counted from there."""
    found = ((at, one.points.run[one.sound[at]], what) for at, what in one.seams if at >= max(first, 1))
    runs = one.points.runs
    return tuple(Seam(at - first, runs.run_id[run], int(runs.created_s[run]), what) for at, run, what in found)


def _told(seams: Sequence[Seam], last: str) -> Iterator[str]:
    """The newest change of conditions, and the day of a line that is measured no more, as labels."""
    if seams:
        yield cut(f"since {day_words(seams[-1].created_s)[:10]}: {seams[-1].what}", LABEL)
    if last:
        yield f"last {last}"


def _run_text(runs: Runs, code: int | None, column: str) -> str:
    return "" if code is None else str(getattr(runs, column)[code])


def _word(one: Newest, verdict: Verdict | None, value: float | None) -> tuple[str, str]:
    silent = value is None and one.status in NO_NUMBERS
    if verdict is not None and not (silent and verdict.word in ("new", "not-comparable")):
        return verdict.word, verdict.reason
    return (one.status.replace("_", " "), one.reason) if silent else ("", "")
