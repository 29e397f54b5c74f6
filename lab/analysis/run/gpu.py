"""What a recorded run says of the GPU that it ran on."""

from __future__ import annotations

import statistics

from lab.formats.manifest import DecodeProgram
from lab.formats.run_record import Cell, GpuDevice, RunRecord

KINDS = ("opencl", "metal")
NO_DEVICE, NOT_COUNTED = GpuDevice(), DecodeProgram()


def is_gpu_run(record: RunRecord) -> bool:
    """Whether a GPU ran it, or something that its driver takes for one."""
    return record.engine.ran_on is not None and record.engine.ran_on.device in KINDS


def names_gpu(effective: str) -> bool:
    """Whether what a run says that it ran on is a GPU, or something that its driver takes for one."""
    return effective.partition(" ")[0] in KINDS


def gpu_device(record: RunRecord) -> GpuDevice:
    """Return what the driver said of the device; nothing is known of it where none was used."""
    return (record.engine.ran_on and record.engine.ran_on.gpu) or NO_DEVICE


def computes_on_cpu(record: RunRecord) -> bool:
    """Whether what its driver computes on is a CPU, or something else that is no GPU."""
    return gpu_device(record).type in ("cpu", "accelerator", "other")


def fell_back(record: RunRecord) -> bool:
    """Whether a GPU was asked for and something else computed."""
    return record.engine.fell_back is True


def unverified(record: RunRecord) -> tuple[str, ...]:
    """Return the sentences on what could not be checked without the device."""
    return record.bundle.unverified_on_device or ()


def launches_per_token(cell: Cell) -> float | None:
    """Return the median of the launches that one decode step took; null where nobody counted."""
    rows = (row.gpu.launches_per_token for row in cell.repetitions if row.status == "ok" and row.gpu)
    counts = [count for count in rows if isinstance(count, float)]
    return statistics.median(counts) if counts else None


def build_s(cell: Cell) -> float | None:
    """Return the longest that the driver made programs in one process of the cell, in seconds."""
    times = (row.gpu.build_s for row in cell.repetitions if row.gpu)
    return max((time for time in times if time is not None), default=None)


def decode_program(record: RunRecord) -> DecodeProgram:
    """Return launches and bytes of one decode step as counted in the program itself; null where not counted."""
    return record.bundle.decode or NOT_COUNTED
