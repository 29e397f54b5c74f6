"""What a recorded run says of the GPU that it ran on."""

from __future__ import annotations

import statistics
from typing import Any

from lab.formats.run_record import Cell, RunRecord

KINDS = ("opencl", "metal")


def is_gpu_run(record: RunRecord) -> bool:
    """Whether a GPU ran it, or something that its driver takes for one."""
    return _ran_on(record).get("device") in KINDS


def names_gpu(effective: str) -> bool:
    """Whether what a run says that it ran on is a GPU, or something that its driver takes for one."""
    return effective.partition(" ")[0] in KINDS


def gpu_facts(record: RunRecord) -> dict[str, Any]:
    """Return what the driver said of the device; empty where none was used."""
    found = _ran_on(record).get("gpu")
    return found if isinstance(found, dict) else {}


def computes_on_cpu(record: RunRecord) -> bool:
    """Whether what its driver computes on is a CPU, or something else that is no GPU."""
    return gpu_facts(record).get("type") in ("cpu", "accelerator", "other")


def fell_back(record: RunRecord) -> bool:
    """Whether a GPU was asked for and something else computed."""
    return record.engine.extra.get("fell_back") is True


def unverified(record: RunRecord) -> tuple[str, ...]:
    """Return the sentences on what could not be checked without the device."""
    found = record.bundle.extra.get("unverified_on_device")
    return tuple(str(one) for one in found) if isinstance(found, list | tuple) else ()


def launches_per_token(cell: Cell) -> float | None:
    """Return the median of the launches that one decode step took; null where nobody counted."""
    rows = (_did(row.extra).get("launches_per_token") for row in cell.repetitions if row.status == "ok")
    counts = [float(count) for count in rows if isinstance(count, int | float)]
    return statistics.median(counts) if counts else None


def build_s(cell: Cell) -> float | None:
    """Return the longest that the driver made programs in one process of the cell, in seconds."""
    found = [_did(row.extra).get("build_s") for row in cell.repetitions]
    times = [float(value) for value in found if isinstance(value, int | float)]
    return max(times, default=None)


def program_decode(record: RunRecord) -> dict[str, Any]:
    """Return launches and bytes of one decode step as counted in the program itself; empty where not counted."""
    found = record.bundle.extra.get("decode")
    return found if isinstance(found, dict) else {}


def _ran_on(record: RunRecord) -> dict[str, Any]:
    found = record.engine.extra.get("ran_on")
    return found if isinstance(found, dict) else {}


def _did(extra: dict[str, Any]) -> dict[str, Any]:
    found = extra.get("gpu")
    return found if isinstance(found, dict) else {}
