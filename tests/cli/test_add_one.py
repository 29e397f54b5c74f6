"""A further verdict word and a further metric are a row each: recorded, judged, shown, gated and exported."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import cast, get_args

import pytest

from lab import store
from lab.analysis.judging import verdict_text
from lab.formats.metrics import METRICS, Metric
from lab.formats.verdicts import VERDICTS, VerdictWord, Word
from tests.analysis.documents import cell
from tests.analysis.sessions import NEW, NOISE, OLD, regression, session
from tests.cli.conftest import Lab

SIDES = ("--baseline", OLD, "--candidate", NEW)
ENERGY = "energy_j_per_tok"


def test_every_word_has_a_row() -> None:
    assert set(get_args(Word)) == set(VERDICTS)


@pytest.fixture
def collapsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row of a new word, and the rule by which the judge gives it: what a proven fall of a rate is called."""
    name = cast(Word, "collapsed")
    row = VerdictWord(name=name, rank=10, role="bad", alarm=True, sentence="fell as never before", meaning="It fell.")
    monkeypatch.setitem(VERDICTS, name, row)
    usual = verdict_text.direction
    monkeypatch.setattr(
        verdict_text, "direction", lambda metric, up: usual(metric, up) if up or "tok" not in metric else name
    )


def test_a_verdict_word_is_a_row_and_the_rule_that_gives_it(
    lab: Lab, home: Path, tmp_path: Path, collapsed: None
) -> None:
    for record in regression():
        store.save(record)
    report = tmp_path / "gate.xml"
    gated = lab("gate", *SIDES, "--junit", str(report))
    assert gated.code == 3  # an alarm
    assert "alarms: decode_tok_per_s collapsed" in gated.err
    messages = [one.get("message", "") for one in ET.parse(report).getroot().iter("failure")]
    assert any(text.startswith("collapsed") or "fell as never before" in text for text in messages)
    compared = lab("compare", OLD[:12], NEW[:12])
    assert (compared.code, "collapsed" in compared.out) == (3, True)
    dashboards = home / "dashboards"
    dashboards.mkdir()
    (dashboards / "own.toml").write_text(
        'schema = 1\nname = "own"\ntitle = ""\nsort = "worst"\nrows = ["test", "metric"]\ncolumns = ["value", "word"]\n'
    )
    board = lab("dash", "own", "--once", "--json").document
    first = board["rows"][0]["cells"][1]
    assert (first["word"], first["role"]) == ("collapsed", "bad")  # the worst stands first, in the colour of its role
    assert next(iter(board["counts"])) == "collapsed"
    assert "1 collapsed" in lab("dash", "own", "--once").out


@pytest.fixture
def energy(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Metric(ENERGY, "J/tok", "lower", "Energy", "count", "repetition", judged=True)
    monkeypatch.setitem(METRICS, ENERGY, row)


def measured(first: int, joules: float, commit: str) -> None:
    """Five sessions whose repetitions have a number of the new metric on record, under its name."""
    for number in range(first, first + 5):
        one = cell([10.0, 10.1, 10.2], [50.0, 51.0, 52.0])
        for repetition in one["repetitions"]:
            repetition[ENERGY] = joules * (1 + repetition["index"] / 100) * NOISE[number % len(NOISE)]
        store.save(session(number, 10.0, commit, cells=[one]))


def test_a_metric_is_a_row(lab: Lab, home: Path, energy: None) -> None:
    measured(0, 2.0, OLD)
    measured(5, 3.0, NEW)
    summary = lab("runs", "--json").document["runs"][0]["cells"][0]["metrics"][ENERGY]
    assert (summary["n"], summary["median"]) == (3, pytest.approx(2.02))
    gated = lab("gate", *SIDES, "--metric", ENERGY, "--json")
    (verdict,) = gated.document["verdicts"]
    assert (gated.code, verdict["word"]) == (3, "slower")  # less is better
    assert verdict["ratio"] == pytest.approx(1.5, rel=0.05)
    assert "Energy" in lab("gate", *SIDES).out
    assert "Energy" in lab("compare", OLD[:12], NEW[:12]).out
    dashboards = home / "dashboards"
    dashboards.mkdir()
    (dashboards / "own.toml").write_text(
        f'schema = 1\nname = "own"\ntitle = "Own"\nrows = ["test"]\ncolumns = ["metric"]\nmetrics = ["{ENERGY}"]\n'
    )
    board = lab("dash", "own", "--once", "--json").document
    assert board["rows"][0]["cells"][0]["word"] == "slower"
    rows = [json.loads(line) for line in lab("export", "latest", "--format", "jsonl").out.splitlines()]
    assert [row[ENERGY] for row in rows] == pytest.approx([3.0 * NOISE[1] * part for part in (1.0, 1.01, 1.02)])
    exported = lab("export", "latest", "--format", "bencher").document
    assert any(ENERGY.replace("_", "-") in measures for measures in exported.values())


def test_a_metric_that_no_row_knows_is_kept_and_not_judged(lab: Lab, home: Path) -> None:
    measured(0, 2.0, OLD)
    measured(5, 3.0, NEW)
    assert ENERGY not in lab("runs", "--json").document["runs"][0]["cells"][0]["metrics"]
    assert lab("gate", *SIDES).code == 0
    assert lab("show", "latest", "--json").document["cells"][0]["repetitions"][0][ENERGY] > 0
