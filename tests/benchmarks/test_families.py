"""The table of families, on sessions whose rates are known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks import families
from benchmarks.families import EMPTY, SHORT, main
from lab.formats.run_record import RunRecord
from lab.formats.test import Test
from tests.benchmarks.test_bars import with_rates
from tests.measure.peers import Peers


def of_both_tests(record: RunRecord, prefill: float, decode: float) -> RunRecord:
    """The record with both cells of the benchmark at those rates."""
    (cell,) = with_rates(record, [prefill], [decode], 600).cells

    def of(test: Test) -> object:
        return replace(cell, prompt=test.prompt, generate=test.generate, depth=test.depth)

    return replace(record, cells=(of(SHORT), of(EMPTY)))


@pytest.fixture
def measured_in_turns(peers: Peers, monkeypatch: pytest.MonkeyPatch) -> list[families.Ask]:
    """Both engines measured at 300 and 100, 20 and 25 tok/s; the questions that were asked."""
    ours, theirs = peers.run(repeats=1)
    both, asked = (of_both_tests(ours, 300, 20), of_both_tests(theirs, 100, 25)), list[families.Ask]()

    def quiet(ask: families.Ask, progress: object) -> tuple[RunRecord, ...]:
        asked.append(ask)
        return both[: 1 + len(ask.peers)]

    monkeypatch.setattr(families, "quiet", quiet)
    return asked


def test_each_bar_is_judged_beside_llama_cpp(
    measured_in_turns: list[families.Ask], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_LLAMA_BENCH", "/bin/true")
    assert main(["phi3-mini-q4", "--layers", "2", "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert [(row["value"], row["reached"]) for row in model["rows"]] == [(3.0, "stretch"), (0.8, "missed")]
    assert [(ask.model, ask.layers, ask.peers) for ask in measured_in_turns] == [("phi3-mini-q4", 2, ("llama.cpp",))]


def test_without_the_program_lab_is_measured_alone_and_the_reason_is_in_the_table(
    measured_in_turns: list[families.Ask], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_LLAMA_BENCH", "/nowhere/llama-bench")
    assert main(["phi3-mini-q4"]) == 0
    table = " ".join(capsys.readouterr().out.split())
    assert "/nowhere/llama-bench" in table
    assert "no peer" in table
    assert [ask.peers for ask in measured_in_turns] == [()]


def test_an_unknown_model_is_refused_before_any_is_measured(
    measured_in_turns: list[families.Ask], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["phi3-mini-q4", "no-such-model-q4"]) == 1
    assert "no-such-model" in capsys.readouterr().err
    assert measured_in_turns == []
