"""Conditions of recorded runs: settings by name and in one spelling."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.analysis.points.build import points_of
from lab.analysis.points.defaults import LLAMA_BENCH
from lab.analysis.points.key import Conditions
from lab.analysis.points.measured import is_measured
from lab.analysis.points.named import changes, label, told_apart
from lab.analysis.points.settings import spelled
from tests.analysis.exchange.sources import llama_rows, records, written
from tests.formats.samples import record


def conditions(folder: Path, **columns: Any) -> Conditions:
    """Those of one llama-bench row with these columns, None for one that is not there."""
    row = {name: value for name, value in {**llama_rows()[0], **columns}.items() if value is not None}
    return points_of(records(written(folder, [row]))).keys[0].conditions


@pytest.mark.parametrize("name", sorted(set(LLAMA_BENCH) - {"load_mode"}))
def test_a_column_at_its_default_is_the_same_as_none(tmp_path: Path, name: str) -> None:
    assert conditions(tmp_path, **{name: LLAMA_BENCH[name]}) == conditions(tmp_path, **{name: None})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"no_host": False}, {"no_host": "0"}),
        ({"flash_attn": True}, {"flash_attn": 1}),
        ({"flash_attn": "on"}, {"flash_attn": 1}),
        ({"tensor_split": "0.00/0.00"}, {"tensor_split": "0.00"}),
        ({"defrag_thold": -1.0}, {"defrag_thold": "-1.000000"}),
        ({"f16_kv": True, "type_k": None, "type_v": None}, {"type_k": "f16", "type_v": "f16"}),
        ({"use_mmap": True, "load_mode": None}, {"load_mode": "mmap"}),
    ],
)
def test_two_spellings_are_one_setting(tmp_path: Path, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert conditions(tmp_path, **one) == conditions(tmp_path, **other)


def test_flash_attention_left_to_the_tool_is_not_flash_attention_off(tmp_path: Path) -> None:
    assert conditions(tmp_path, flash_attn=-1) != conditions(tmp_path, flash_attn=0)


def test_an_unknown_column_is_a_setting_and_a_measured_one_is_none(tmp_path: Path) -> None:
    plain = conditions(tmp_path)
    assert conditions(tmp_path, avg_ttft_ms=100.2) == plain
    assert changes(plain, conditions(tmp_path, n_foo=3)) == ("+ n_foo=3",)
    assert changes(conditions(tmp_path, n_foo=3), plain) == ("- n_foo=3",)
    assert changes(conditions(tmp_path, n_foo=3), conditions(tmp_path, n_foo=4)) == ("n_foo 3 -> 4",)


def test_the_device_of_another_tool_is_told_by_field(tmp_path: Path) -> None:
    old, new = conditions(tmp_path, gpu_info="GPU"), conditions(tmp_path, gpu_info="GPU (driver 31)")
    assert changes(old, new) == ("gpu_info GPU -> GPU (driver 31)",)
    assert old.effective == new.effective


def test_settings_of_labs_own_runs_have_names() -> None:
    run = record()
    plain = points_of([run]).keys[0].conditions
    other = points_of([replace(run, plan=replace(run.plan, seed=7))]).keys[0].conditions
    assert changes(plain, other) == ("seed 0 -> 7",)
    assert plain.device == run.device.serial_hash


def test_series_are_told_apart_by_what_differs_alone(tmp_path: Path) -> None:
    found = told_apart([conditions(tmp_path, flash_attn=each, n_threads=4) for each in (0, 1)])
    assert [label(each) for each in found] == ["flash_attn=0", "flash_attn=1"]
    assert [label(each) for each in told_apart([conditions(tmp_path), conditions(tmp_path, x="\x1b[1m")])] == [
        "x=absent",
        "x=[1m",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "1"), (-1.0, "-1"), ("0.50", "0.5"), ("f16", "f16"), ([1, 2], "[1,2]"), ("False", "0"), (-0.0, "0")],
)
def test_spelling(value: Any, text: str) -> None:
    assert spelled(value) == text


@pytest.mark.parametrize(
    "name",
    [
        "avg_ttft_ms", "avg_power_w", "accept_rate", "energy_j", "stddev_ttft", "peak_vram_mib", "vram_mb", "rss_bytes",
        "gpu_temp", "tokens_per_joule", "t_per_s", "pp_ts", "avgPowerW", "max_itl_ms", "joules_per_token", "power",
    ],
)  # fmt: skip
def test_measurements_are_recognised_by_name(name: str) -> None:
    assert is_measured(name)


@pytest.mark.parametrize(
    "name",
    [
        "n_foo", "no_host", "defrag_thold", "temp", "temperature", "power_mode", "power_limit_w", "max_power", "seed",
        "timeout_ms", "n_samples", "sample_rate", "rope_scale", "cache_type", "mem_limit_mb", "offload", "", "_", "s",
        *LLAMA_BENCH,
    ],
)  # fmt: skip
def test_settings_are_not_taken_for_measurements(name: str) -> None:
    assert not is_measured(name)


def test_settings_of_mlperf_are_told_one_by_one() -> None:
    (run,) = records("mlperf-mobile-llm.json")
    settings = dict(points_of([run]).keys[0].conditions.settings)
    assert settings["backend_settings.extra_settings.num_threads"] == "4"
    assert settings["scenario"] == "SingleStream"
