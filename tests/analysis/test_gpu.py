"""What a run on a GPU is flagged with, held against and compared with."""

from __future__ import annotations

from typing import Any

import pytest

from lab.analysis.compare.runs import compare_runs
from lab.analysis.compare.side_by_side import side_by_side
from lab.analysis.judging.judge import Policy
from lab.analysis.run.flags import run_flags
from lab.analysis.run.frame import to_frame
from lab.analysis.run.gpu import build_s, decode_program, launches_per_token, unverified
from lab.analysis.run.summary import summarise
from lab.core.errors import StoreError
from lab.core.fields import encode
from lab.formats.run_record import RunRecord
from tests.analysis.documents import DOCUMENT, gpu_document, record


def gpu_run(*words: Any, **options: Any) -> RunRecord:
    return record(**gpu_document(*words, **options))


def flags(run: RunRecord) -> dict[str, str]:
    return {flag.code: flag.text for flag in run_flags(run)}


def test_a_gpu_has_no_flag_of_its_own() -> None:
    assert not {"fell_back", "cpu_device"} & set(flags(gpu_run()))
    assert flags(gpu_run())["unverified"].startswith("1 thing could not be checked without the device")


def test_a_cpu_that_was_not_accepted_is_a_verdict_of_its_own() -> None:
    found = flags(gpu_run("cpu", fell_back=True))
    assert found["fell_back"] == "requested GPU, ran on CPU (Example GPU)"
    assert "cpu_device" not in found


def test_a_cpu_that_was_accepted_is_marked() -> None:
    found = flags(gpu_run("cpu"))
    assert found["cpu_device"] == "OpenCL computes on a CPU here: its timings say nothing about a GPU"
    assert "fell_back" not in found


def test_the_processors_roofs_are_not_held_against_a_gpu() -> None:
    (found,) = summarise(gpu_run())
    (processor,) = summarise(record())
    assert (found.roof_bytes_per_s, found.roof_fraction, found.prefill_roof_fraction) == (None, None, None)
    assert None not in (processor.roof_bytes_per_s, processor.roof_fraction, processor.prefill_roof_fraction)
    assert found.achieved_bytes_per_s == processor.achieved_bytes_per_s
    assert not found.impossible


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (gpu_run("cpu", fell_back=True), gpu_run(), {"fixed"}),
        (record(), gpu_run("cpu", fell_back=True), {"fell-back"}),
        (gpu_run("cpu"), gpu_run("gpu"), {"not-comparable"}),
        (record(), gpu_run("cpu"), set()),  # a CPU both times, and no GPU was asked for
        (gpu_run("cpu"), gpu_run("cpu"), set()),
        (gpu_run("gpu"), gpu_run("gpu"), set()),
        (record(), gpu_run("gpu"), set()),
    ],
)
def test_what_may_be_compared(a: RunRecord, b: RunRecord, words: set[str]) -> None:
    found = [verdict for row in compare_runs(a, b, Policy()).rows for verdict in row.verdicts.values()]
    assert {one.word for one in found if not one.cell.metric} == words
    assert any(one.ratio is not None for one in found) == (not words)


def test_engines_of_a_session_are_not_held_against_one_that_fell_back() -> None:
    other = record(session="s1", engine={**DOCUMENT["engine"], "name": "llama.cpp"})
    assert side_by_side([record(session="s1"), other]).ratios
    fallen = record(session="s1", **gpu_document("cpu", fell_back=True))
    assert side_by_side([fallen, other]).ratios == ()
    assert side_by_side([other, fallen]).ratios == ()


def test_a_frame_says_which_rows_fell_back() -> None:
    assert set(to_frame([gpu_run("cpu", fell_back=True)])["fell_back"]) == {True}
    assert set(to_frame([gpu_run("cpu"), record()])["fell_back"]) == {False}


def test_launches_and_bytes_are_those_of_run_and_program() -> None:
    run = gpu_run()
    assert launches_per_token(run.cells[0]) == 228
    assert encode(decode_program(run)) == {"launches": 228, "bytes": 2_100_000_000}
    assert build_s(run.cells[0]) == 3.5
    assert unverified(run) == ("no kernel ran on a GPU of this family",)


def test_a_record_that_says_nothing_of_a_gpu_is_read_all_the_same() -> None:
    run = record(engine={**DOCUMENT["engine"], "ran_on": None}, bundle={**DOCUMENT["bundle"], "decode": None})
    assert encode(decode_program(run)) == {}
    assert "fell_back" not in flags(run)


@pytest.mark.parametrize("broken", ["nonsense", 3, ["gpu"]])
@pytest.mark.parametrize(("part", "key"), [("engine", "ran_on"), ("bundle", "decode")])
def test_a_record_with_something_else_in_its_place_is_refused_by_its_key(broken: Any, part: str, key: str) -> None:
    with pytest.raises(StoreError, match=rf"\[{part}\]\.{key}: expected a table"):
        record(**{part: {**DOCUMENT[part], key: broken}})
