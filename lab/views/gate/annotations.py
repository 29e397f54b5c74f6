"""`lab gate` as workflow commands of GitHub Actions: an error for each alarm, a warning for what is inconclusive."""

from __future__ import annotations

import re

from lab.analysis.compare.gate import Gate
from lab.analysis.judging.sentences import metric_title, outcome, sentence, test_of, where
from lab.analysis.judging.verdict import Verdict
from lab.formats.verdicts import word_label

SHOWN = 10  # of a kind and step; GitHub drops the others without a word


def gate_annotations(gate: Gate) -> str:
    """Return the commands, a line each; nothing that a device said is in them."""
    errors = [_command("error", _title(verdict), sentence(verdict)) for verdict in gate.alarms]
    warnings = [_command("warning", _title(verdict), sentence(verdict)) for verdict in gate.unproven]
    if gate.exit_code in (4, 5):
        errors.insert(0, _command("error", "lab gate", outcome(gate)))
    return "".join(f"{line}\n" for line in [*_cut("error", errors), *_cut("warning", warnings)])


def harmless(text: str) -> str:
    """Return the text so that GitHub reads no line of it as a command, whatever a name in it says."""
    return re.sub(r"(?m)^(\s*)(?=::)", r"\1|", text).replace("##[", "##|[")


def _title(verdict: Verdict) -> str:
    cell = verdict.cell
    return f"{word_label(verdict.word)}: {metric_title(cell)} of {test_of(verdict)}, {where(cell)}"


def _cut(kind: str, lines: list[str]) -> list[str]:
    left = len(lines) - SHOWN
    return lines if left <= 0 else [*lines[: SHOWN - 1], _command(kind, "lab gate", f"and {left + 1} more")]


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    """Escape what follows the second pair of colons, by the rules of GitHub's toolkit."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape the value of a property, which ends at a comma or a colon."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
