"""`lab gate` as JUnit XML, as Jenkins, GitLab and reporters of GitHub read it: a test case for each verdict."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import UTC, datetime

from lab.analysis.compare.gate import Gate
from lab.analysis.judging.sentences import metric_title, sentence, test_of, where
from lab.analysis.judging.verdict import Verdict
from lab.formats.verdicts import word_label

SKIPPED = ("unproven", "not-comparable")


def gate_junit(gate: Gate, now: datetime | None = None) -> str:
    """Return the document. An alarm is a failure, what is inconclusive or not comparable is skipped.

    A suite is one model in one engine on one target. Nothing that a device said is in it.
    """
    at = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S")
    verdicts = gate.judgement.verdicts
    root = ET.Element("testsuites", {"name": "lab gate", **_counts(verdicts)})
    for place in dict.fromkeys(where(verdict.cell) for verdict in verdicts):
        _suite(root, place, [one for one in verdicts if where(one.cell) == place], at)
    if gate.unreachable is not None:
        _unreachable(root, at)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, place: str, verdicts: Sequence[Verdict], at: str) -> None:
    suite = ET.SubElement(root, "testsuite", {"name": _legal(place), **_counts(verdicts), "timestamp": at})
    for verdict in verdicts:
        name = f"{_legal(test_of(verdict))} {metric_title(verdict.cell)}"
        case = ET.SubElement(suite, "testcase", {"name": name, "classname": _legal(place), "time": "0"})
        message = _legal(sentence(verdict))
        if verdict.is_alarm:
            ET.SubElement(case, "failure", {"type": verdict.word, "message": message}).text = message
        elif verdict.word in SKIPPED:
            ET.SubElement(case, "skipped", {"message": f"{word_label(verdict.word)}: {message}"})


def _unreachable(root: ET.Element, at: str) -> None:
    counts = {"tests": "1", "failures": "0", "errors": "1", "skipped": "0", "time": "0"}
    suite = ET.SubElement(root, "testsuite", {"name": "confirm", **counts, "timestamp": at})
    case = ET.SubElement(suite, "testcase", {"name": "confirm", "classname": "lab gate", "time": "0"})
    ET.SubElement(case, "error", {"type": "unreachable", "message": "the device did not answer"})
    for name in ("tests", "errors"):
        root.set(name, str(int(root.get(name, "0")) + 1))


def _counts(verdicts: Sequence[Verdict]) -> dict[str, str]:
    failures = sum(verdict.is_alarm for verdict in verdicts)
    skipped = sum(verdict.word in SKIPPED for verdict in verdicts)
    counts = {"tests": len(verdicts), "failures": failures, "errors": 0, "skipped": skipped, "time": 0}
    return {name: str(count) for name, count in counts.items()}


def _legal(text: str) -> str:
    """Drop what XML 1.0 cannot hold: surrogates and the two last code points of the first plane."""
    return "".join(char for char in text if char not in "\ufffe\uffff" and not "\ud800" <= char <= "\udfff")
