from __future__ import annotations

import pytest

from lab.analysis.run.summary import summarise
from lab.analysis.run.work import decode_work
from tests.analysis.documents import MIB, MODEL, cell, failed_repetition, record


def test_rates_times_and_their_spread() -> None:
    (found,) = summarise(record())
    decode = found.metrics["decode_tok_per_s"]
    assert (decode.n, decode.median, decode.mean, decode.low, decode.high) == (5, 10.0, 10.0, 9.8, 10.2)
    assert decode.sd == pytest.approx(0.1**0.5 / 2)  # deviations .2 .1 0 .1 .2: squares 0.1 over n - 1 = 4
    assert found.metrics["prefill_tok_per_s"].median == 50.0
    assert found.metrics["ttft_s"].median == pytest.approx(512 / 50)
    assert (found.label, found.planned, found.finished) == ("pp512+tg128", 5, 5)


def test_gaps_are_pooled_over_repetitions() -> None:
    (found,) = summarise(record())
    assert found.itl.n == 5 * 127
    assert found.itl.p50_s == pytest.approx(0.1)
    assert found.itl.p99_s == pytest.approx(1 / 9.8)


@pytest.mark.parametrize(
    ("repetitions", "generate", "known"),
    [(1, 2, (True, False, False)), (1, 21, (True, True, False)), (2, 101, (True, True, True))],
)
def test_percentiles_are_null_with_too_few_gaps(repetitions: int, generate: int, known: tuple[bool, ...]) -> None:
    few = cell([10.0] * repetitions, [50.0] * repetitions, generate=generate)
    (found,) = summarise(record(cells=[few]))
    assert tuple(value is not None for value in (found.itl.p50_s, found.itl.p90_s, found.itl.p99_s)) == known


def test_bytes_read_are_weights_and_the_keys_and_values_seen() -> None:
    run = record(cells=[cell(prompt=100, generate=20, depth=1000)])
    expected = 2_000_000_000 + 393_216 * (1000 + 100 + 10)
    assert decode_work(run, run.cells[0]).bytes == expected
    (found,) = summarise(run)
    assert found.achieved_bytes_per_s == expected * 10.0
    assert found.roof_bytes_per_s == 32e9  # the median of all passes, before and after
    assert found.roof_fraction == pytest.approx(expected * 10.0 / 32e9)


def test_a_sliding_window_bounds_the_keys_and_values_seen() -> None:
    run = record(model={**MODEL, "sliding_window": 600}, cells=[cell(prompt=100, generate=20, depth=1000)])
    assert decode_work(run, run.cells[0]).bytes == 2_000_000_000 + 393_216 * 600


def test_failed_repetitions_are_left_out_of_the_numbers() -> None:
    broken = cell([8.0, 10.0, 12.0], [50.0, 50.0, 50.0])
    broken["repetitions"][0] = failed_repetition(0, "killed by SIGSEGV")
    (found,) = summarise(record(cells=[broken]))
    assert found.finished == 2
    assert found.metrics["decode_tok_per_s"].median == 11.0
    assert [flag.code for flag in found.flags if flag.code == "repetitions_lost"] == ["repetitions_lost"]


def test_what_was_not_measured_is_null_and_never_zero() -> None:
    empty = {**cell(), "status": "not_run", "repetitions": [], "memory": None}
    (found,) = summarise(record(cells=[empty], bandwidth=None, peak=None))
    assert found.metrics == {}
    assert found.rss_peak_bytes is None
    assert found.achieved_bytes_per_s is None
    assert found.roof_bytes_per_s is None
    assert (found.prefill_ops_per_s, found.decode_ops_per_s, found.prefill_roof_fraction) == (None, None, None)
    assert found.itl.p50_s is None


def test_peak_memory_comes_with_its_counter() -> None:
    (found,) = summarise(record())
    assert (found.rss_peak_bytes, found.rss_peak_counter) == (3 * 1024 * MIB, "VmHWM")
    without_pass = {**cell(), "memory": None}
    (found,) = summarise(record(cells=[without_pass]))
    assert (found.rss_peak_bytes, found.rss_peak_counter) == (3 * 1024 * MIB + 2 * MIB, "VmHWM")


def test_two_counters_are_not_made_into_one_number() -> None:
    mixed = {**cell(), "memory": None}
    mixed["repetitions"][1]["rss_peak_counter"] = "VmRSS"
    (found,) = summarise(record(cells=[mixed]))
    assert (found.rss_peak_bytes, found.rss_peak_counter) == (None, None)
