"""`lab gate` as Markdown for a pull request or a job's summary: GitHub's and GitLab's dialect."""

from __future__ import annotations

from collections.abc import Sequence

from lab.analysis.compare.gate import FINE, Gate
from lab.analysis.judging.sentences import change, interval, metric_title, outcome, sentence, test_of, values
from lab.analysis.judging.verdict import Verdict
from lab.formats.verdicts import word_label
from lab.views.markdown import escaped

ROWS = 300  # a summary of a job may hold 1 MiB; alarms come first
HEAD = "| Target | Model | Engine | Test | Metric | Baseline | Candidate | Change | 95 % CI | Verdict |"
RULE = "|---|---|---|---|---|--:|--:|--:|--:|---|"


def gate_markdown(gate: Gate) -> str:
    """Return the report; nothing that a device said is in it, and every name is harmless."""
    found = gate.judgement
    lines = [f"## lab gate: {escaped(_title(gate))}", "", escaped(outcome(gate)) + ".", ""]
    sides = (f"**{escaped(text)}** ({gate.counted(at)})" for at, text in enumerate((found.a, found.b)))
    lines += ["Baseline: {}, candidate: {}.".format(*sides), ""]
    for title, verdicts in _sections(gate):
        lines += [f"### {title}", "", *_rows(verdicts), ""] if verdicts else []
    lines += _proof(gate)
    same = sum(verdict.word == "same" for verdict in found.verdicts)
    lines += [
        f"{same} verdicts are `same`. Significance level {found.level:g}, adjusted over all series:"
        f" {escaped(found.correction)}."
    ]
    return "\n".join(lines) + "\n"


def _title(gate: Gate) -> str:
    words = {FINE: "no regression, some inconclusive" if gate.unproven else "no regression", 3: "regression"}
    return words.get(gate.exit_code, "not confirmed" if gate.exit_code == 4 else "not comparable")


def _sections(gate: Gate) -> list[tuple[str, Sequence[Verdict]]]:
    new = [verdict for verdict in gate.judgement.verdicts if verdict.word == "new"]
    sections = [("Worse", gate.alarms), ("Inconclusive", gate.unproven), ("Better", gate.better)]
    return [*sections, ("Not comparable", gate.incomparable), ("New", new)]


def _rows(verdicts: Sequence[Verdict]) -> list[str]:
    rows = [_row(verdict) for verdict in verdicts[:ROWS]]
    left = len(verdicts) - len(rows)
    return [HEAD, RULE, *rows, *(["", f"and {left} more"] if left else [])]


def _row(verdict: Verdict) -> str:
    cell = verdict.cell
    names = (cell.target, cell.model, cell.engine, test_of(verdict), metric_title(cell))
    word = word_label(verdict.word)
    said = (
        f"**{word}**<br>{escaped(sentence(verdict))}" if verdict.ratio is None else f"**{word}**{_confirmed(verdict)}"
    )
    numbers = (*values(verdict), change(verdict), interval(verdict))
    return "| " + " | ".join([*map(escaped, (*names, *numbers)), said]) + " |"


def _confirmed(verdict: Verdict) -> str:
    return {None: "", True: ", confirmed", False: ", not confirmed"}[verdict.confirmed]


def _proof(gate: Gate) -> list[str]:
    """The commands, indented: inside code nothing is markup, and a line has no way out of it."""
    if not gate.more:
        return []
    lines = ["To decide what is inconclusive, measure per side:", ""]
    for one in gate.more:
        times = "more often" if one.sessions is None else f"{one.sessions} times more"
        lines += [f"    # {times}", "    " + "".join(char for char in one.command if char.isprintable())]
    return [*lines, ""]
