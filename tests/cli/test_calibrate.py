"""`lab calibrate`: sessions in which nothing changed, and what is kept of them; a stand-in measures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab import store
from lab.formats.calibration import load_floors
from lab.jobs.options import RunOptions
from lab.jobs.run import Ran
from tests.analysis.documents import DOCUMENT
from tests.analysis.sessions import NOISE, session, sessions
from tests.cli.conftest import Lab


class Bench:
    """Stands in for `run`: a session more each time it is called."""

    def __init__(self) -> None:
        self.made = 0
        self.asked: list[RunOptions] = []
        self.interrupt_at = -1
        self.status = "ok"

    def __call__(self, options: RunOptions, *_: Any) -> Ran:
        record = session(self.made, 10.0 * NOISE[self.made % 8], tags=list(options.tags), status=self.status)
        store.save(record)
        self.asked.append(options)
        self.made += 1
        return Ran((record,), "1 of 3 repetitions were finished" if self.made - 1 == self.interrupt_at else None)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench()
    monkeypatch.setattr("lab.jobs.run.run", made)
    return made


def test_it_measures_learns_and_shows(lab: Lab, home: Path, bench: Bench) -> None:
    ran = lab("calibrate", "local", "--model", "phi3-mini-q4", "--sessions", "12")
    assert ran.code == 0
    assert bench.made == 12
    assert {options.tags for options in bench.asked} == {("calibrate",)}
    assert "learned from 12 sessions" in ran.out
    shown = lab("calibrate", "local", "--show", "--json").document
    decode = next(one for one in shown["floors"] if one["metric"] == "decode_tok_per_s")
    spread = float(np.std([NOISE[i % 8] for i in range(12)], ddof=1))
    assert decode["noise"] == pytest.approx(spread, rel=0.4)
    assert load_floors()["local", "decode_tok_per_s"] == decode["fraction"]


def test_the_gate_uses_what_was_learned(lab: Lab, home: Path, bench: Bench, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert lab("calibrate", "local", "--model", "phi3-mini-q4").code == 0
    document = lab("gate", "--baseline", "last:6", "--candidate", "latest", "--json").document
    floors = {one["cell"]["metric"]: one["floor"] for one in document["verdicts"]}
    assert floors["decode_tok_per_s"] == load_floors()["local", "decode_tok_per_s"] < 0.05


def test_history_has_sessions_too(lab: Lab, home: Path) -> None:
    other = {"bundle": {**DOCUMENT["bundle"], "key": "c" * 64}}
    for record in [*sessions(0, 10.0, 11), *sessions(20, 5.0, 3, **other)]:
        store.save(record)
    document = lab("calibrate", "local", "--from-history", "--json").document
    assert len(document["runs"]) == 11
    assert (home / "floors" / "local.json").is_file()


def test_too_few_sessions_say_how_many_are_missing(lab: Lab, home: Path) -> None:
    for record in sessions(0, 10.0, 4):
        store.save(record)
    ran = lab("calibrate", "local", "--from-history")
    assert ran.code == 1
    assert "6 more of the same build" in ran.err


def test_ctrl_c_keeps_the_sessions_that_are_done(lab: Lab, home: Path, bench: Bench) -> None:
    bench.interrupt_at = 3
    ran = lab("calibrate", "local", "--model", "phi3-mini-q4")
    assert ran.code == 130
    assert "3 whole sessions before it are on record" in ran.err
    assert len(store.entries()) == 4
    assert not (home / "floors").exists()


def test_a_session_without_numbers_ends_it(lab: Lab, home: Path, bench: Bench) -> None:
    bench.status = "wrong_output"
    ran = lab("calibrate", "local", "--model", "phi3-mini-q4")
    assert ran.code == 1
    assert bench.made == 1


def test_without_a_model_that_of_the_newest_run_is_taken(lab: Lab, home: Path, bench: Bench) -> None:
    assert lab("calibrate", "local").code == 2
    run = session(0, 10.0)
    store.save(replace(run, model=replace(run.model, label="phi3-mini-q4@2l", layers=2)))
    lab("calibrate", "local")
    assert {(options.model, options.layers) for options in bench.asked} == {("phi3-mini-q4", 2)}


def test_show_without_a_calibration_says_what_to_do(lab: Lab, home: Path) -> None:
    ran = lab("calibrate", "local", "--show")
    assert ran.code == 1
    assert "never calibrated" in ran.err
    assert lab("calibrate", "local", "--show", "--from-history").code == 2
