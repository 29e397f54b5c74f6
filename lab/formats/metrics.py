"""Every number that lab reports: name, unit, which way is better, how it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.core.errors import UsageError
from lab.core.suggest import unknown
from lab.core.units import human_bytes, human_seconds, percent

Better = Literal["higher", "lower"]
Per = Literal["repetition", "pass", "derived"]
Format = Literal["rate", "seconds", "bytes", "bandwidth", "operations", "fraction", "count"]

NOT_MEASURED = "–"
PEAK = "rss_peak_bytes"  # of the memory pass of a cell, where it has one: one number a session, and a counter


@dataclass(frozen=True)
class Metric:
    """One metric. `unit` is that of the stored number, `format` how a person reads it.

    `per` says where it comes from: each "repetition" has it under this name, it is of the memory "pass" of a cell, or
    it is "derived" from others. By a `judged` one sides and histories are judged, and it is exported.
    """

    name: str
    unit: str
    better: Better
    title: str
    format: Format
    per: Per
    judged: bool = False


_ROWS = (
    Metric("prefill_tok_per_s", "tok/s", "higher", "Prefill", "rate", "repetition", judged=True),
    Metric("decode_tok_per_s", "tok/s", "higher", "Decode", "rate", "repetition", judged=True),
    Metric("judgements_per_s", "/s", "higher", "Judgements", "rate", "repetition", judged=True),
    Metric("judgement_s", "s", "lower", "Judgement", "seconds", "repetition"),
    Metric("ttft_s", "s", "lower", "TTFT", "seconds", "repetition", judged=True),
    Metric("ttst_s", "s", "lower", "TTST", "seconds", "repetition"),
    Metric("itl_s", "s", "lower", "ITL", "seconds", "derived"),
    Metric("itl_p50_s", "s", "lower", "ITL p50", "seconds", "derived", judged=True),
    Metric("itl_p90_s", "s", "lower", "ITL p90", "seconds", "derived"),
    Metric("itl_p99_s", "s", "lower", "ITL p99", "seconds", "derived"),
    Metric("load_s", "s", "lower", "Load", "seconds", "repetition", judged=True),
    Metric("image_s", "s", "lower", "Image", "seconds", "repetition"),
    Metric("rss_peak_bytes", "B", "lower", "Peak memory", "bytes", "repetition", judged=True),
    Metric("rss_anon_peak_bytes", "B", "lower", "Peak anonymous memory", "bytes", "pass"),
    Metric("weights_bytes", "B", "lower", "Weights", "bytes", "pass"),
    Metric("kv_bytes", "B", "lower", "KV cache", "bytes", "pass"),
    Metric("workspace_bytes", "B", "lower", "Workspace", "bytes", "pass"),
    Metric("swap_bytes", "B", "lower", "Swap", "bytes", "repetition"),
    Metric("major_faults", "faults", "lower", "Major faults", "count", "repetition"),
    Metric("prefill_ops_per_s", "op/s", "higher", "Prefill operations", "operations", "derived"),
    Metric("prefill_bytes_per_s", "B/s", "higher", "Prefill traffic", "bandwidth", "derived"),
    Metric("prefill_roof_fraction", "1", "higher", "Prefill of roof", "fraction", "derived"),
    Metric("decode_ops_per_s", "op/s", "higher", "Decode operations", "operations", "derived"),
    Metric("achieved_bytes_per_s", "B/s", "higher", "Achieved", "bandwidth", "derived"),
    Metric("roof_bytes_per_s", "B/s", "higher", "Roof", "bandwidth", "derived"),
    Metric("roof_fraction", "1", "higher", "Of roof", "fraction", "derived"),
)

METRICS: dict[str, Metric] = {row.name: row for row in _ROWS}


def judged() -> tuple[str, ...]:
    """Return what sides and histories are judged by, and what is exported: one number a session each."""
    return tuple(row.name for row in METRICS.values() if row.judged)


def per_repetition() -> tuple[str, ...]:
    """Return what each repetition has a number of, under its own name."""
    return tuple(row.name for row in METRICS.values() if row.per == "repetition")


def gated() -> tuple[str, ...]:
    """Return what the declared gate of variation is about: the rates."""
    return tuple(row.name for row in METRICS.values() if row.per == "repetition" and row.format == "rate")


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
            return percent(value, 0)
        case "count":
            return f"{value:.0f}"
        case "rate":
            return f"{value:.1f} {row.unit}" if value < 1000 else f"{value:.0f} {row.unit}"
