"""`lab gate` for people: how it ended, what got worse, what is inconclusive and what would decide it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from lab.analysis.compare.gate import FINE, Gate
from lab.analysis.judging.sentences import change, interval, metric_title, test_name, values, where
from lab.analysis.judging.verdict import Judgement, Verdict
from lab.analysis.points.named import label
from lab.core.text import said
from lab.formats.verdicts import word_label
from lab.views.table import BAD, CAUTION, FAINT, GOOD, left, right, spaced, table, verdict_style

NARROW = 110  # below it the interval gives way
QUIET = ("same",)


def gate_table(gate: Gate, width: int, *, every: bool = False) -> RenderableType:
    """The sides, a block for each model on a target, what would decide the inconclusive, and the outcome last.

    Verdicts `same` are counted unless `every` is asked for.
    """
    found = gate.judgement
    notes = [Text(f"   {said(note)}", FAINT) for note in (*found.notes, *gate.notes)]
    sides = (Text(f"{name:<10} {said(text)}: {gate.counted(at)}") for at, (name, text) in enumerate(_sides(found)))
    head = Group(*sides, *notes)
    shown = [verdict for verdict in found.verdicts if every or verdict.word not in QUIET]
    places = dict.fromkeys(where(verdict.cell) for verdict in shown)
    blocks = [_block(place, [one for one in shown if where(one.cell) == place], width >= NARROW) for place in places]
    return spaced([head, *blocks, *_counted(gate, every), *_proof(gate), _outcome(gate)])


def _sides(found: Judgement) -> tuple[tuple[str, str], ...]:
    return ("baseline", found.a), ("candidate", found.b)


def _block(place: str, verdicts: Sequence[Verdict], wide: bool) -> RenderableType:
    settings = any(verdict.settings for verdict in verdicts)
    columns = [
        left("Test", fold=False),
        *([left("Settings")] if settings else []),
        left("Metric", fold=False),
        right("Baseline"),
        right("Candidate"),
        right("Change"),
    ]
    columns += [right("95 % CI")] if wide else []
    rows = [_cells(verdict, wide, settings) for verdict in verdicts]
    reasons = [
        Text(f"{_name(one)}: {said(one.reason)}", FAINT) for one in verdicts if one.reason and one.word not in QUIET
    ]
    return Group(Text(place, "bold"), table([*columns, left("Verdict")], rows), *reasons)


def _cells(verdict: Verdict, wide: bool, settings: bool) -> list[str | Text]:
    names = [test_name(verdict.cell), *([label(verdict.settings)] if settings else []), metric_title(verdict.cell)]
    row: list[str | Text] = [*names, *values(verdict), change(verdict)]
    return [*row, *([interval(verdict)] if wide else []), _word(verdict)]


def _word(verdict: Verdict) -> Text:
    text = word_label(verdict.word)
    if verdict.confirmed is not None:
        text += ", confirmed" if verdict.confirmed else ", not confirmed"
    return Text(text, verdict_style(verdict.word))


def _name(verdict: Verdict) -> str:
    return " ".join(filter(None, (test_name(verdict.cell), label(verdict.settings), metric_title(verdict.cell))))


def _counted(gate: Gate, every: bool) -> list[Text]:
    same = sum(verdict.word in QUIET for verdict in gate.judgement.verdicts)
    return [Text(f"same: {same} more; --all lists them", FAINT)] if same and not every else []


def _proof(gate: Gate) -> list[RenderableType]:
    lines = [Text(f"{_how_many(one.sessions)}: {said(one.command)}") for one in gate.more]
    return [Group(Text("To decide what is inconclusive, measure per side", "bold"), *lines)] if lines else []


def _how_many(sessions: int | None) -> str:
    return "more often" if sessions is None else f"{sessions} times more"


def _outcome(gate: Gate) -> Text:
    style = GOOD if gate.exit_code == FINE and not gate.unproven else CAUTION if gate.exit_code == FINE else BAD
    return Text(f"{said(gate.outcome)} (exit code {gate.exit_code})", style)
