"""What the table says of repetitions and lengths that lab chose itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.formats.run_record import Lengths, Repetition, RunRecord
from lab.views.runs.facts import chosen
from tests.analysis.documents import record

LENGTHS = {"prefill_tok_per_s": 9.0, "decode_tok_per_s": 4.0, "repetition_s": 30.0, "default_s": 90.0, "kept": False}


def run(rates: list[tuple[float, float]], **plan: Any) -> RunRecord:
    rows = tuple(
        replace(_row(index), prefill_tok_per_s=prefill, decode_tok_per_s=decode)
        for index, (prefill, decode) in enumerate(rates)
    )
    plain = record()
    extra = {"adapts": True, "precision": 0.05, "budget_s": 120.0, "lengths": None, **plan}
    planned = replace(plain.plan, repeats=len(rates), **extra)
    return replace(plain, plan=planned, cells=(replace(plain.cells[0], repetitions=rows),))


def _row(index: int) -> Repetition:
    return replace(record().cells[0].repetitions[0], index=index, order=index)


def test_medians_that_are_known_well_enough() -> None:
    assert chosen(run([(100, 10), (101, 10.1), (99, 9.9)])) == (
        "3 repetitions: medians known to ±3.1 % (prefill) and ±3.1 % (decode), ±5 % was wanted"
    )


def test_medians_that_are_not_and_why() -> None:
    assert chosen(run([(100, 10), (101, 14), (99, 8), (100, 11), (100, 12)])) == (
        "5 repetitions: medians known to ±1.1 % (prefill) and ±32 % (decode);"
        " ±5 % takes more than 10 of them, or than 2 min 00 s"
    )


def test_a_single_number_tells_nothing_of_its_precision() -> None:
    assert "±? (prefill) and ±? (decode)" in chosen(run([(100, 10)]))


def test_shorter_lengths_and_why() -> None:
    said = chosen(run([(100, 10)] * 3, lengths=Lengths(prompt=128, generate=32, **LENGTHS)))
    assert said.endswith("; 128 + 32 tokens: 3 repetitions of 512 + 128 would take about 4 min 30 s")
    assert "tokens" not in chosen(run([(100, 10)] * 3, lengths=Lengths(prompt=512, generate=128, **LENGTHS)))


def test_nothing_is_said_of_what_was_named_or_is_older() -> None:
    assert chosen(run([(100, 10)], adapts=False)) == ""
    assert chosen(record()) == ""
