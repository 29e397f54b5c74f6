from __future__ import annotations

import statistics

import pytest

from lab.analysis.llama_bench import llama_bench_rows
from tests.analysis.documents import MODEL, cell, failed_repetition, record

# What llama-bench's JSON rows hold and other tools key on.
KEYS = {
    "build_commit", "build_number", "cpu_info", "gpu_info", "backends", "model_filename", "model_type", "model_size",
    "model_n_params", "n_batch", "n_ubatch", "n_threads", "type_k", "type_v", "n_gpu_layers", "load_mode", "n_prompt",
    "n_gen", "n_depth", "test_time", "avg_ns", "stddev_ns", "avg_ts", "stddev_ts", "samples_ns", "samples_ts",
}  # fmt: skip


def test_a_prefill_and_a_decode_row_for_each_cell() -> None:
    rows = llama_bench_rows(record(cells=[cell(), cell(prompt=64, generate=32, depth=256)]))
    shapes = [(row["n_prompt"], row["n_gen"], row["n_depth"]) for row in rows]
    assert shapes == [(512, 0, 0), (0, 127, 512), (64, 0, 256), (0, 31, 320)]
    assert all(set(row) == KEYS for row in rows)


def test_rates_follow_from_the_samples_as_llama_bench_has_them() -> None:
    for row in llama_bench_rows(record()):
        tokens = row["n_prompt"] + row["n_gen"]
        assert row["samples_ts"] == pytest.approx([tokens * 1e9 / ns for ns in row["samples_ns"]])
        assert row["avg_ts"] == pytest.approx(statistics.fmean(row["samples_ts"]))
        assert row["stddev_ts"] == pytest.approx(statistics.stdev(row["samples_ts"]))
        assert row["avg_ns"] == round(statistics.fmean(row["samples_ns"]))


def test_the_rates_are_those_of_the_run() -> None:
    prefill, decode = llama_bench_rows(record())
    assert prefill["samples_ts"] == pytest.approx([48.0, 49.0, 50.0, 51.0, 52.0])
    assert decode["samples_ts"] == pytest.approx([9.8, 9.9, 10.0, 10.1, 10.2])


def test_a_part_of_a_model_is_named_as_one() -> None:
    part = record(model={**MODEL, "label": "phi3-mini-q4@2l", "layers": 2})
    assert {row["model_filename"] for row in llama_bench_rows(part)} == {"phi3-mini-q4@2l"}


def test_a_cell_without_numbers_has_no_rows() -> None:
    empty = {**cell(), "status": "failed", "repetitions": [failed_repetition(0, "timeout")]}
    assert llama_bench_rows(record(cells=[empty])) == []
