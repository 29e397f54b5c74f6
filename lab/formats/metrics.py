"""Every number that lab reports: name, unit, which way is better, how it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.core.errors import UsageError
from lab.core.suggest import unknown
from lab.core.units import human_bytes, human_seconds

Better = Literal["higher", "lower"]
Format = Literal["rate", "seconds", "bytes", "bandwidth", "operations", "fraction", "count"]

NOT_MEASURED = "–"


@dataclass(frozen=True)
class Metric:
    """One metric. `unit` is that of the stored number, `format` how a person reads it."""

    name: str
    unit: str
    better: Better
    title: str
    format: Format


_ROWS = (
    Metric("prefill_tok_per_s", "tok/s", "higher", "Prefill", "rate"),
    Metric("decode_tok_per_s", "tok/s", "higher", "Decode", "rate"),
    Metric("ttft_s", "s", "lower", "TTFT", "seconds"),
    Metric("ttst_s", "s", "lower", "TTST", "seconds"),
    Metric("itl_s", "s", "lower", "ITL", "seconds"),
    Metric("itl_p50_s", "s", "lower", "ITL p50", "seconds"),
    Metric("itl_p90_s", "s", "lower", "ITL p90", "seconds"),
    Metric("itl_p99_s", "s", "lower", "ITL p99", "seconds"),
    Metric("load_s", "s", "lower", "Load", "seconds"),
    Metric("rss_peak_bytes", "B", "lower", "Peak memory", "bytes"),
    Metric("rss_anon_peak_bytes", "B", "lower", "Peak anonymous memory", "bytes"),
    Metric("weights_bytes", "B", "lower", "Weights", "bytes"),
    Metric("kv_bytes", "B", "lower", "KV cache", "bytes"),
    Metric("workspace_bytes", "B", "lower", "Workspace", "bytes"),
    Metric("swap_bytes", "B", "lower", "Swap", "bytes"),
    Metric("major_faults", "faults", "lower", "Major faults", "count"),
    Metric("prefill_ops_per_s", "op/s", "higher", "Prefill operations", "operations"),
    Metric("prefill_bytes_per_s", "B/s", "higher", "Prefill traffic", "bandwidth"),
    Metric("prefill_roof_fraction", "1", "higher", "Prefill of roof", "fraction"),
    Metric("decode_ops_per_s", "op/s", "higher", "Decode operations", "operations"),
    Metric("achieved_bytes_per_s", "B/s", "higher", "Achieved", "bandwidth"),
    Metric("roof_bytes_per_s", "B/s", "higher", "Roof", "bandwidth"),
    Metric("roof_fraction", "1", "higher", "Of roof", "fraction"),
)

# What sides and histories are judged by: one number a session each.
JUDGED = ("prefill_tok_per_s", "decode_tok_per_s", "ttft_s", "itl_p50_s", "load_s", "rss_peak_bytes")
METRICS: dict[str, Metric] = {row.name: row for row in _ROWS}


def metric(name: str) -> Metric:
    """Return the metric called `name`; UsageError with near names when there is none."""
    if name not in METRICS:
        raise UsageError(unknown("metric", name, METRICS))
    return METRICS[name]


def format_value(name: str, value: float | None) -> str:
    """Return `value` of metric `name` with its unit, for people; null is shown as a dash, never as 0."""
    if value is None:
        return NOT_MEASURED
    return _formatted(metric(name), value)


def _formatted(row: Metric, value: float) -> str:
    match row.format:
        case "bytes":
            return human_bytes(value)
        case "seconds":
            return human_seconds(value)
        case "bandwidth":
            return f"{value / 1e9:.1f} GB/s"
        case "operations":
            return f"{value / 1e9:.1f} GOP/s"
        case "fraction":
            return f"{value * 100:.0f} %"
        case "count":
            return f"{value:.0f}"
        case "rate":
            return f"{value:.1f} {row.unit}" if value < 1000 else f"{value:.0f} {row.unit}"
