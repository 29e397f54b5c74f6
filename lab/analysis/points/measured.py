"""Columns of other tools that are measurements, and so no conditions: told by their names."""

from __future__ import annotations

import re

# Whole parts of a name, between underscores, dots and capitals. A name that could be a setting's is one: at worst
# two rows are not averaged that might be, and a note says why.
# fmt: off
UNITS = {
    "ns", "us", "ms", "s", "sec", "secs", "seconds", "w", "mw", "watt", "watts", "j", "mj", "joule", "joules", "wh",
    "mwh", "ts", "tps", "fps", "rps", "degc",
}
STATISTICS = {"avg", "mean", "median", "stddev", "std", "stdev", "var", "p50", "p90", "p95", "p99"}
ENDS = {"max", "min"}  # statistics of what has a unit, else as likely limits
MEASURES = {
    "ttft", "tpot", "itl", "latency", "throughput", "elapsed", "duration", "power", "energy", "rss", "vmhwm", "peak",
    "used", "measured", "observed", "utilization", "utilisation", "accepted",
}
HEAT = {"temp", "temperature"}  # alone they are the sampler's
SETTINGS = {
    "limit", "target", "budget", "cap", "threshold", "timeout", "interval", "delay", "warmup", "sleep", "mode",
    "profile", "plan", "policy", "save", "type", "kind", "format", "sampling", "sampler", "requested", "initial",
}
# fmt: on
RATE = re.compile(r"(?<!sample)(?<!refresh)(?<!bit)(?<!clock)_rate$|_per_(s|sec|second|token|joule|watt)$")
COUNT = re.compile(r"(^|_)(tokens?_per|t_per_s|tok_s|n_drafted|n_accept)(_|$)")
MEMORY = re.compile(r"(^|_)(mem|memory|vram|rss|pss)(_[a-z0-9]+)*_(b|bytes|kb|kib|mb|mib|gb|gib)$")


def is_measured(name: str) -> bool:
    """Whether the name of a column that lab does not know says that it was measured."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    parts = [part for part in re.split(r"[^a-z0-9]+", plain) if part]
    if not parts or SETTINGS & set(parts):
        return False
    if (len(parts) > 1 and parts[-1] in UNITS) or STATISTICS & set(parts):
        return True
    heat = len(parts) > 1 and HEAT & set(parts)
    named = heat or MEASURES & set(parts) or RATE.search(plain) or COUNT.search(plain) or MEMORY.search(plain)
    return bool(named) and not ENDS & set(parts)
