"""The gate as one JSON document."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lab.analysis.compare.gate import Gate
from lab.analysis.judging.verdict import Verdict


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """Return one verdict whole; `settings` is an object of the fields that tell it from others of its cell."""
    return {**asdict(verdict), "settings": dict(verdict.settings)}


def gate_document(gate: Gate) -> dict[str, Any]:
    """Return the judgement whole, what would prove the unproven, and the exit code in a number and in words."""
    found = gate.judgement
    verdicts = [{**verdict_document(verdict), "is_alarm": verdict.is_alarm} for verdict in found.verdicts]
    return {
        "exit_code": gate.exit_code,
        "outcome": gate.outcome,
        "baseline": found.a,
        "candidate": found.b,
        "level": found.level,
        "correction": found.correction,
        "notes": [*found.notes, *gate.notes],
        "unreachable": gate.unreachable,
        "alarms": len(gate.alarms),
        "unproven": len(gate.unproven),
        "more": [asdict(one) for one in gate.more],
        "verdicts": verdicts,
    }
