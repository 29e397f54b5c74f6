"""Operations, bytes and fractions of the roofs, against sums that are written out step by step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.analysis.run.roofline import matrix_peak
from lab.analysis.run.summary import summarise
from lab.analysis.run.work import decode_work, prefill_work, tokens_seen
from lab.formats.run_record import RunRecord
from tests.analysis.documents import DOCUMENT, MODEL, PEAK_OF_NIBBLES, cell, record

HIDDEN, FEED, VOCAB, LAYERS = 3072, 8192, 32064, 32
LAYER = LAYERS * (3 * HIDDEN * HIDDEN + HIDDEN * HIDDEN + 2 * FEED * HIDDEN + HIDDEN * FEED)
HEAD = VOCAB * HIDDEN


def run_of(window: int | None = None, chunk: int = 512, **shape: int) -> RunRecord:
    plan = {**DOCUMENT["plan"], "prefill_chunk": chunk}
    return record(model={**MODEL, "sliding_window": window}, plan=plan, cells=[cell(**shape)])


def seen_by(position: int, window: int | None) -> int:
    """How many keys the query at `position` (from 0) sees, itself included: one at a time."""
    return sum(1 for key in range(position + 1) if window is None or position - key < window)


@pytest.mark.parametrize("window", [None, 1, 5, 9, 40])
@pytest.mark.parametrize(("first", "count"), [(1, 1), (1, 12), (4, 7), (9, 3), (30, 20)])
def test_tokens_seen(first: int, count: int, window: int | None) -> None:
    assert tokens_seen(first, count, window) == sum(seen_by(first - 1 + i, window) for i in range(count))


def test_the_weights_of_the_sample_are_those_of_the_network() -> None:
    assert (MODEL["layer_weights"], MODEL["head_weights"]) == (LAYER, HEAD)


@pytest.mark.parametrize("window", [None, 20, 100])
@pytest.mark.parametrize(("prompt", "depth", "chunk", "passes"), [(48, 0, 512, 1), (48, 16, 16, 3), (50, 0, 16, 4)])
def test_operations_of_a_prefill(window: int | None, prompt: int, depth: int, chunk: int, passes: int) -> None:
    run = run_of(window, chunk, prompt=prompt, depth=depth)
    found = prefill_work(run, run.cells[0])
    assert found.matrix_ops == 2 * LAYER * prompt + 2 * HEAD * passes
    attention = sum(4 * HIDDEN * LAYERS * seen_by(depth + i, window) for i in range(prompt))
    assert found.attention_ops == attention
    assert found.ops == found.matrix_ops + attention


def test_the_positions_of_an_image_are_work_as_those_of_text() -> None:
    image = {"rows": 1025, "columns": 608, "positions": 8}
    plan = {**DOCUMENT["plan"], "prefill_chunk": 512}
    seeing = record(model={**MODEL, "sliding_window": None, "image": image}, plan=plan, cells=[cell(prompt=40)])
    longer = run_of(prompt=48)
    assert prefill_work(seeing, seeing.cells[0]) == prefill_work(longer, longer.cells[0])
    assert decode_work(seeing, seeing.cells[0]) == decode_work(longer, longer.cells[0])
    achieved = summarise(seeing)[0].prefill_ops_per_s
    assert achieved == pytest.approx(summarise(longer)[0].prefill_ops_per_s)


@pytest.mark.parametrize("window", [None, 30, 55])
def test_operations_and_bytes_of_a_decode_step(window: int | None) -> None:
    run = run_of(window, prompt=40, depth=8, generate=11)
    steps = [seen_by(8 + 40 + i, window) for i in range(10)]  # the tokens 1 to 10 go in, and 2 to 11 come out
    found = decode_work(run, run.cells[0])
    assert found.matrix_ops == 2 * (LAYER + HEAD)
    assert found.attention_ops == pytest.approx(4 * HIDDEN * LAYERS * sum(steps) / 10)
    assert found.bytes == pytest.approx(2_000_000_000 + 393_216 * sum(steps) / 10)


@pytest.mark.parametrize("window", [None, 20])
def test_bytes_of_a_prefill(window: int | None) -> None:
    run = run_of(window, chunk=16, prompt=40, depth=8)
    read = 0
    for start, end in ((8, 24), (24, 40), (40, 48)):
        read += len(
            {key for query in range(start, end) for key in range(query + 1 - seen_by(query, window), query + 1)}
        )
    assert prefill_work(run, run.cells[0]).bytes == 3 * 2_000_000_000 + 393_216 * (40 + read)


def test_rates_are_work_times_how_often_it_is_done() -> None:
    run = record()  # 512 tokens at 50 a second, then 10 steps a second
    (found,) = summarise(run)
    prefill, decode = prefill_work(run, run.cells[0]), decode_work(run, run.cells[0])
    assert found.prefill_ops_per_s == pytest.approx((prefill.ops or 0) / (512 / 50))
    assert found.prefill_bytes_per_s == pytest.approx(prefill.bytes / (512 / 50))
    assert found.decode_ops_per_s == pytest.approx((decode.ops or 0) * 10)


def least_s(int8: float, f32: float, all_f32: bool = False) -> float:
    matrix = 2 * LAYER * 512 + 2 * HEAD
    attention = 4 * HIDDEN * LAYERS * sum(range(1, 513))
    return matrix / (f32 if all_f32 else int8) + attention / f32


@pytest.mark.parametrize(
    ("quant", "layout", "all_f32"),
    [
        ("q4", "n16k4", False),
        ("q8", "n16k4", False),
        ("q4", "gguf-q4_0", False),
        ("q4", "mlc", True),
        ("f16", "n16k4", True),
        ("f32", "n16k4", True),
    ],
)
def test_the_roof_of_a_prefill_is_the_least_time_at_the_measured_peaks(quant: str, layout: str, all_f32: bool) -> None:
    weights = {**DOCUMENT["weights"], "layout": layout}
    (found,) = summarise(record(model={**MODEL, "quant": quant}, weights=weights))
    # The medians of before and after together: 1.0, 1.0, 1.1 and 2.0, 2.0, 2.2.
    assert found.prefill_roof_fraction == pytest.approx(least_s(1.0e12, 2.0e11, all_f32) / (512 / 50))


@pytest.mark.parametrize(
    ("quant", "layout", "matrix"),
    [("q4", "n16k4", 1.6e12), ("q4", "gguf-q4_0", 1.6e12), ("q8", "n16k4", 1.0e12), ("q4", "mlc", 2.0e11)],
)
def test_weights_of_four_bits_have_a_peak_of_their_own(quant: str, layout: str, matrix: float) -> None:
    """The median of 1.6, 1.7 and 1.5 for q4, that of int8 for q8, and floats where activations stay floats."""
    weights = {**DOCUMENT["weights"], "layout": layout}
    run = record(model={**MODEL, "quant": quant}, weights=weights, peak=PEAK_OF_NIBBLES)
    (found,) = summarise(run)
    assert found.prefill_roof_fraction == pytest.approx(least_s(matrix, 2.0e11) / (512 / 50))
    assert matrix_peak(run) == matrix


def test_nibbles_are_no_slower_than_bytes() -> None:
    """What multiplies bytes multiplies nibbles: a peak of int4 below that of int8 is noise."""
    slow = {**PEAK_OF_NIBBLES, "before": {**PEAK_OF_NIBBLES["before"], "int4_ops_per_s": [0.9e12] * 3}}
    assert matrix_peak(record(peak=slow)) == 1.0e12


@pytest.mark.parametrize("rate", [200.0, 240.0])
def test_a_prefill_over_the_int8_peak_is_possible_with_four_bits_until_it_is_over_every_pass(rate: float) -> None:
    """200 x 7.3 billion operations a second are over int8's 1.1e12 and under int4's fastest pass of 1.7e12."""
    (found,) = summarise(record(peak=PEAK_OF_NIBBLES, cells=[cell([10.0] * 3, [rate] * 3)]))
    assert found.impossible is (rate > 220)
    (bytes_,) = summarise(
        record(peak=PEAK_OF_NIBBLES, model={**MODEL, "quant": "q8"}, cells=[cell([10.0] * 3, [rate] * 3)])
    )
    assert bytes_.impossible


@pytest.mark.parametrize(
    "changes",
    [
        {"peak": None},
        {"peak": {"threads": 2, "before": {}, "after": {}}},
        {"model": {**MODEL, "layer_weights": None}},
        {"cells": [{**cell(), "repetitions": []}]},
    ],
)
def test_without_peak_counts_or_numbers_there_is_no_fraction(changes: dict[str, Any]) -> None:
    (found,) = summarise(record(**changes))
    assert found.prefill_roof_fraction is None
    assert not found.impossible


def test_each_repetition_is_held_against_the_bandwidth_beside_it() -> None:
    """Neighbours halve the bandwidth for one of three: it decodes at half the rate, at the same part of the roof."""
    rates, roofs = (20.0, 10.0, 30.0), ((80e9, 80e9), (40e9, 40e9), (5e9, 80e9, 67e9, 73e9))  # median: 70
    run = run_of(prompt=40, depth=8, generate=11)
    (row, *_) = run.cells[0].repetitions
    rows = tuple(
        replace(row, decode_tok_per_s=rate, bandwidth_bytes_per_s=roof) for rate, roof in zip(rates, roofs, strict=True)
    )
    run = replace(run, cells=(replace(run.cells[0], repetitions=rows),))
    step = decode_work(run, run.cells[0]).bytes
    fractions = sorted([step * 20 / 80e9, step * 10 / 40e9, step * 30 / 70e9])
    assert summarise(run)[0].roof_fraction == pytest.approx(fractions[1])


@pytest.mark.parametrize(("fastest", "impossible"), [(80e9, False), (50e9, True)])
def test_only_what_is_over_the_fastest_pass_is_impossible(fastest: float, impossible: bool) -> None:
    """Another program had the cores in all passes of bandwidth but one, and not while tokens came."""
    run = run_of(prompt=40, depth=8, generate=11)
    step = decode_work(run, run.cells[0]).bytes or 0
    slow = (30e9, 28e9, fastest, 31e9)
    rows = tuple(
        replace(row, decode_tok_per_s=60e9 / step, bandwidth_bytes_per_s=slow) for row in run.cells[0].repetitions
    )
    (found,) = summarise(replace(run, cells=(replace(run.cells[0], repetitions=rows),)))
    assert (found.roof_fraction or 0) > 1.3
    assert found.impossible is impossible


@pytest.mark.parametrize(("achieved", "impossible"), [(59e9, False), (75e9, True)])
def test_a_rate_is_impossible_over_every_pass_and_not_over_the_median(achieved: float, impossible: bool) -> None:
    """Planted: medians of 40 GB/s everywhere, and one pass of 60 beside the last of three repetitions alone."""
    run = run_of(prompt=40, depth=8, generate=11)
    step = decode_work(run, run.cells[0]).bytes or 0
    passes = ((40e9,) * 4, (40e9,) * 4, (40e9, 40e9, 60e9, 40e9))
    rows = tuple(
        replace(row, decode_tok_per_s=achieved / step, bandwidth_bytes_per_s=roof)
        for row, roof in zip(run.cells[0].repetitions, passes, strict=False)
    )
    run = replace(run, cells=(replace(run.cells[0], repetitions=rows),))
    (found,) = summarise(run)
    assert found.roof_fraction == pytest.approx(achieved / 40e9)
    assert found.impossible is impossible
    assert any("exceeds the fastest measured memory bandwidth" in flag.text for flag in found.flags) is impossible


@pytest.mark.parametrize(("buffer", "impossible"), [(512 << 20, True), (4 << 30, False), (None, True)])
def test_a_model_that_is_smaller_than_the_buffer_of_a_pass_may_come_from_caches(buffer: Any, impossible: bool) -> None:
    """20 x 2.2 GB a second, and 33 GB/s at the most in passes over the buffer."""
    plan = {**DOCUMENT["plan"], "bandwidth_bytes": buffer}
    (found,) = summarise(record(plan=plan, cells=[cell([20.0] * 3, [50.0] * 3)]))
    assert found.impossible is impossible


def test_one_repetition_alone_proves_nothing_impossible() -> None:
    """It may have had the machine at a moment when no pass was made; the median of three is under every pass."""
    run = run_of(prompt=40, depth=8, generate=11)
    step = decode_work(run, run.cells[0]).bytes or 0
    rows = tuple(
        replace(row, decode_tok_per_s=achieved / step, bandwidth_bytes_per_s=(40e9,) * 4)
        for row, achieved in zip(run.cells[0].repetitions, (38e9, 60e9, 39e9), strict=False)
    )
    (found,) = summarise(replace(run, cells=(replace(run.cells[0], repetitions=rows),)))
    assert found.roof_fraction == pytest.approx(39 / 40)
    assert not found.impossible


def test_the_fastest_pass_of_the_session_counts_too() -> None:
    run = record(
        bandwidth={"threads": 2, "before": [30e9, 30e9, 90e9], "after": [30e9]}, cells=[cell([20.0] * 3, [50.0] * 3)]
    )
    assert not summarise(run)[0].impossible
    before = {"int8_ops_per_s": [1e12, 9e12, 1e12], "f32_ops_per_s": [2e11, 9e11, 2e11]}
    (quick,) = summarise(record(peak={**DOCUMENT["peak"], "before": before}, cells=[cell([5.0] * 3, [200.0] * 3)]))
    assert (quick.prefill_roof_fraction or 0) > 1.05
    assert not quick.impossible


def test_heads_that_are_wider_than_the_network_count_with_their_own_size() -> None:
    plain = run_of(prompt=40, depth=8, generate=11)
    wide = replace(plain, model=replace(plain.model, attention_size=2 * (plain.model.hidden_size or 0)))
    for work in (prefill_work, decode_work):
        narrow, twice = work(plain, plain.cells[0]), work(wide, wide.cells[0])
        assert twice.attention_ops == 2 * (narrow.attention_ops or 0)
        assert (twice.matrix_ops, twice.bytes) == (narrow.matrix_ops, narrow.bytes)


SPARSE = {"layers": 12, "heads": 8, "block": 16, "local": 2, "stride": 4, "head_step": 1}


def sparse_run(**shape: int) -> RunRecord:
    plan = {**DOCUMENT["plan"], "prefill_chunk": 20}
    model = {**MODEL, "num_kv_heads": 2, "sparse": SPARSE}
    return record(model=model, plan=plan, cells=[cell(**shape)])


def keeps(head: int, query: int, key: int) -> bool:
    q, k = query // 16, key // 16
    return key <= query and (q - k < 2 or (k + head + 1) % 4 == 0)


def test_sparse_layers_count_what_their_heads_see_and_what_a_group_reads() -> None:
    run = sparse_run(prompt=70, depth=100, generate=11)
    queries = range(100, 170)
    dense = sum(query + 1 for query in queries)
    seen = sum(keeps(head, query, key) for head in range(8) for query in queries for key in range(query + 1)) / 8
    found = prefill_work(run, run.cells[0])
    assert found.attention_ops == pytest.approx(4 * HIDDEN * (20 * dense + 12 * seen))
    read = 0.0
    for chunk in (range(100, 120), range(120, 140), range(140, 160), range(160, 170)):
        groups = [range(0, 4), range(4, 8)]
        keys = range(chunk.stop)
        kept = sum(any(keeps(h, q, key) for h in group for q in chunk) for group in groups for key in keys) / 2
        read += (20 * chunk.stop + 12 * kept) / 32
    assert found.bytes == pytest.approx(4 * 2_000_000_000 + 393_216 * (70 + read))


def test_a_decode_step_of_sparse_layers_reads_what_a_group_keeps() -> None:
    run = sparse_run(prompt=70, depth=100, generate=3)
    found, heads = decode_work(run, run.cells[0]), range(8)
    read = seen = 0.0
    for query in (170, 171):
        keys = range(query + 1)
        groups = [range(0, 4), range(4, 8)]
        kept = sum(any(keeps(h, query, key) for h in group) for group in groups for key in keys) / 2
        read += (20 * (query + 1) + 12 * kept) / 32 / 2
        seen += (20 * (query + 1) + 12 * sum(keeps(h, query, key) for h in heads for key in keys) / 8) / 32 / 2
    assert found.bytes == pytest.approx(2_000_000_000 + 393_216 * read)
    assert found.attention_ops == pytest.approx(4 * HIDDEN * LAYERS * seen)
