"""Rows that contradict themselves, or say what no device can do: kept, marked, and in no judgement."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.analysis.exchange.readers.doubts import disagreements
from lab.analysis.history.series import series_of
from lab.analysis.points.build import points_of
from lab.analysis.points.table import DOUBTED
from lab.analysis.run.flags import DOUBTS
from lab.analysis.run.summary import summarise
from tests.analysis.exchange.sources import CASES, all_tests, llama_rows, rates, records, written

BASE = json.loads((CASES / "impossible-mean.json").read_text())[0]
SAMPLES = json.loads((CASES / "mean-contradicts-samples.json").read_text())[0]


def doubts(folder: Path, row: dict[str, Any]) -> list[str]:
    (test,) = all_tests(written(folder, [row]))
    return [code for code, _ in test.doubts]


def decode(folder: Path, rate: float, **changes: Any) -> list[str]:
    ns = max(round(128e9 / rate), 1)
    return doubts(folder, {**BASE, "avg_ns": ns, "avg_ts": 128e9 / ns, **changes})


@pytest.mark.parametrize(
    ("name", "code"), [("impossible-mean.json", "impossible"), ("mean-contradicts-samples.json", "contradictory")]
)
def test_such_a_row_is_stored_shown_and_judged_by_nothing(name: str, code: str) -> None:
    (run,) = records(CASES / name)
    (summary,) = summarise(run)
    assert [flag.code for flag in summary.flags] == [code]
    assert summary.mark == code
    assert summary.metrics
    points = points_of([run])
    assert all(points.flags & DOUBTED)
    assert list(series_of(points)) == []


def test_a_fork_that_times_generation_behind_a_prompt() -> None:
    (run,) = records(CASES / "fork-generation-after-prompt.json")
    ((shape, found),) = rates(run)
    assert shape == (0, 64, 512)
    assert found == pytest.approx([38.191, 38.0, 37.811], rel=1e-3)
    assert run.cells[0].doubts is None


def test_the_same_without_its_name_or_with_another_is_marked(tmp_path: Path) -> None:
    (row,) = json.loads((CASES / "fork-generation-after-prompt.json").read_text())
    assert doubts(tmp_path, {name: value for name, value in row.items() if name != "test"}) == ["contradictory"]
    assert doubts(tmp_path, {**llama_rows()[0], "test": "pp99"}) == ["contradictory"]
    assert doubts(tmp_path, {**llama_rows()[0], "test": "pp16"}) == []


def test_sound_files_are_not_marked() -> None:
    names = ("llama-bench.json", "llama-bench.csv", "llama-bench-old.json", "pocketpal-samsung-s23.json")
    for run in [run for name in names for run in records(name)]:
        assert not any(flag.code in DOUBTS for cell in summarise(run) for flag in cell.flags)


def test_bounds_of_any_device(tmp_path: Path) -> None:
    assert decode(tmp_path, 3000.0) == []  # 2.1 TB/s: a fast card
    assert decode(tmp_path, 1e6) == ["impossible"]
    assert decode(tmp_path, 9e4) == ["impossible"]
    many = {"gpu_info": ", ".join(["Example GPU"] * 8)}
    assert decode(tmp_path, 9e4, **many) == []
    experts = {"model_type": "qwen3moe 30B.A3B Q4_K - Medium", "model_size": 18 << 30, "model_n_params": 30_000_000_000}
    assert decode(tmp_path, 3000.0, **experts) == []
    dense = {**experts, "model_type": "llama 30B Q4_K - Medium"}
    assert decode(tmp_path, 3000.0, **dense) == ["impossible"]
    assert decode(tmp_path, 200.0, model_type="gpt-oss 120B MXFP4 MoE", model_size=63 << 30) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"avg_ts": 1020.0}, []),
        ({"avg_ts": 2000.0}, ["contradictory"]),
        ({"avg_ts": 1000.0, "avg_ns": 51200000}, ["contradictory"]),
        ({"avg_ts": 1000.0, "samples_ts": [10.0, 10.0, 10.0]}, ["contradictory"]),
        ({"avg_ts": 1000.0, "samples_ns": [], "samples_ts": []}, []),
        ({"avg_ts": 500.0, "samples_ns": [], "samples_ts": []}, ["contradictory"]),
        ({"avg_ts": 700.0, "stddev_ts": 500.0, "samples_ns": [], "samples_ts": []}, []),
    ],
)
def test_what_agrees_and_what_does_not(tmp_path: Path, change: dict[str, Any], code: list[str]) -> None:
    assert doubts(tmp_path, {**SAMPLES, **change}) == code


@settings(deadline=None)
@given(st.lists(st.integers(10**6, 10**12), min_size=1, max_size=9), st.integers(1, 4096))
def test_what_llama_bench_itself_computes_is_never_marked(ns: list[int], tokens: int) -> None:
    rates_ = [tokens * 1e9 / one for one in ns]
    mean = sum(rates_) / len(ns)
    spread = (sum((one - mean) ** 2 for one in rates_) / max(len(ns) - 1, 1)) ** 0.5
    assert not list(disagreements(tokens, sum(ns) // len(ns), mean, ns, rates_, spread / mean))
    assert not list(disagreements(tokens, sum(ns) // len(ns), mean, (), (), spread / mean))
