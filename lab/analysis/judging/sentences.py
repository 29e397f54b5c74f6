"""A verdict in words that may leave the house: numbers and our own sentences, nothing that a device or its host said.

The reason of a run that failed may name a host, and reports are put where strangers read them.
"""

from __future__ import annotations

from lab.analysis.compare.gate import UNREACHABLE, Gate
from lab.analysis.exchange.writers.anonymise import is_public
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.key import STATUS, CellKey
from lab.analysis.points.named import label
from lab.core.text import said
from lab.core.units import change as shown_change
from lab.core.units import counted, p_value, percent
from lab.formats.metrics import NOT_MEASURED, format_value, metric
from lab.formats.test import Test
from lab.formats.verdicts import VERDICTS, word_label


def test_name(cell: CellKey) -> str:
    """Return the test as peers call it: pp512+tg128."""
    return Test.of(cell).label


def test_of(verdict: Verdict) -> str:
    """Return the test and the settings that tell it from others: tg128 flash_attn=1.

    Of settings whose name says that they name a host or a person, the value is left out: reports leave the house.
    """
    shown = tuple((name, text if is_public(name, text) else "...") for name, text in verdict.settings)
    return " ".join(filter(None, (test_name(verdict.cell), label(shown))))


def metric_title(cell: CellKey) -> str:
    """Return the metric's title; a cell judged as a whole has none."""
    return "whole test" if cell.metric == STATUS else metric(cell.metric).title


def where(cell: CellKey) -> str:
    """Return model, target and engine, made printable."""
    return said(f"{cell.model} on {cell.target} ({cell.engine})")


def values(verdict: Verdict) -> tuple[str, str]:
    """Return both medians with their unit."""
    if verdict.cell.metric == STATUS:
        return NOT_MEASURED, NOT_MEASURED
    return format_value(verdict.cell.metric, verdict.a), format_value(verdict.cell.metric, verdict.b)


def change(verdict: Verdict) -> str:
    """Return the difference in percent."""
    return NOT_MEASURED if verdict.ratio is None else shown_change(verdict.ratio)


def interval(verdict: Verdict) -> str:
    """Return the interval of the difference in percent."""
    return NOT_MEASURED if verdict.interval is None else " to ".join(map(shown_change, verdict.interval))


def sentence(verdict: Verdict) -> str:
    """Return why, from numbers alone."""
    own = VERDICTS[verdict.word].sentence
    if verdict.ratio is None:
        return own or word_label(verdict.word)
    parts = [own] if own else []
    parts += ["{} compared with {}".format(*reversed(values(verdict)))]
    parts += [f"{change(verdict)} (95 % CI: {interval(verdict)})" if verdict.interval else change(verdict)]
    if verdict.floor is not None:
        parts.append(f"threshold {percent(verdict.floor)}")
    parts.append(f"{verdict.sessions_a} and {verdict.sessions_b} sessions")
    if verdict.p is not None:
        parts.append(
            p_value(verdict.p) + ("" if verdict.p_adjusted is None else f", {verdict.p_adjusted:.2g} adjusted")
        )
    return "; ".join(parts + _afterwards(verdict))


def outcome(gate: Gate) -> str:
    """Return how it ended, without what was said of a device."""
    return "not confirmed: the device did not answer" if gate.exit_code == UNREACHABLE else gate.outcome


def _afterwards(verdict: Verdict) -> list[str]:
    outcomes = {True: "confirmed by interleaved sessions", False: "not confirmed by interleaved sessions"}
    parts = [] if verdict.confirmed is None else [outcomes[verdict.confirmed]]
    if verdict.word == "unproven" and verdict.needed:
        parts.append(f"{counted(verdict.needed, 'more session')} per side may decide")
    return parts
