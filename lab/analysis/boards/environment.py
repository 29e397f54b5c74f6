"""What differs between the surroundings of two runs: the first place to look when a number moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.core.fields import encode
from lab.formats.run_record import RunRecord

# What is another in every run, or is the measurement itself.
LEFT_OUT = ("bundle.key", "device.facts.mem_available_bytes", "device.facts.uptime_s", "plan.cells", "target.spec")
NOT_THERE = "–"


@dataclass(frozen=True)
class Difference:
    """One thing, by its key in the record, as text: of the baseline and of this run."""

    what: str
    baseline: str
    here: str


def differences(baseline: RunRecord, record: RunRecord) -> tuple[Difference, ...]:
    """Return what differs of device, engine, build, plan, weights and state before the first repetition."""
    before, now = dict(_facts(baseline)), dict(_facts(record))
    return tuple(
        Difference(key, before.get(key, NOT_THERE), now.get(key, NOT_THERE))
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key) and not key.startswith(LEFT_OUT)
    )


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    for block in ("revision", "lab", "engine", "device", "target", "model", "weights", "bundle", "plan", "protocol"):
        yield from _flat(encode(getattr(record, block)), block)
    states = [one.state_before for cell in record.cells for one in cell.repetitions if one.state_before]
    for name in ("governor", "thermal_status", "charge", "die_temp_c", "busy_fraction"):
        if states and states[0].get(name) is not None:
            yield from _flat(states[0][name], f"before.{name}")


def _flat(value: Any, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{prefix}.{key}")
    elif isinstance(value, list):
        yield prefix, ", ".join(str(item) for item in value)
    elif value is not None:
        yield prefix, f"{value:.6g}" if isinstance(value, float) else str(value)
