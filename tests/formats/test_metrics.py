from __future__ import annotations

import re

import pytest

from lab.core.errors import UsageError
from lab.core.units import human_bytes, human_seconds
from lab.formats.metrics import METRICS, format_value, metric


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (91 * 1024**2, "91.0 MiB"),
        (2_254_857_830, "2.1 GiB"),
        (3 * 1024**4, "3.0 TiB"),
    ],
)
def test_bytes_are_shown_in_binary_steps(count: int, text: str) -> None:
    assert human_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(18e-6, "18 µs"), (0.0412, "41.2 ms"), (3.214, "3.21 s"), (245.2, "4 min 05 s")],
)
def test_seconds_are_shown_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert human_seconds(seconds) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("decode_tok_per_s", 12.64, "12.6 tok/s"),
        ("prefill_tok_per_s", 2197.4, "2197 tok/s"),
        ("itl_p99_s", 0.0825, "82.5 ms"),
        ("rss_peak_bytes", 3 * 1024**3, "3.0 GiB"),
        ("achieved_bytes_per_s", 2.17e10, "21.7 GB/s"),
        ("prefill_ops_per_s", 5.931e11, "593.1 GOP/s"),
        ("roof_fraction", 0.634, "63 %"),
        ("major_faults", 0, "0"),
    ],
)
def test_values_carry_their_unit(name: str, value: float, text: str) -> None:
    assert format_value(name, value) == text


def test_not_measured_is_a_dash_and_zero_is_zero() -> None:
    assert format_value("swap_bytes", None) == "–"
    assert format_value("swap_bytes", 0) == "0 B"


def test_an_unknown_metric_is_a_usage_error_with_a_guess() -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'decode_tok_per_s'"):
        metric("decode_toks_per_s")
    with pytest.raises(UsageError):
        format_value("nope", 1.0)


def test_the_unit_is_in_the_name_and_rates_are_better_high() -> None:
    endings = {"tok/s": "_tok_per_s", "s": "_s", "B": "_bytes", "B/s": "_bytes_per_s"}
    for name, row in METRICS.items():
        assert name == row.name
        assert re.fullmatch(r"[a-z0-9_]+", name)
        assert name.endswith(endings.get(row.unit, ""))
        assert row.better == ("higher" if "per_s" in name or "roof_fraction" in name else "lower")
