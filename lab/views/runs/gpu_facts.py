"""What a run on a GPU adds to its page: the device, launches and bytes a token, kernels by time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType

from lab.analysis.run.gpu import build_s, decode_program, is_gpu_run, launches_per_token, unverified
from lab.core.text import clipped
from lab.core.units import human_bytes, human_seconds
from lab.formats.manifest import DecodeProgram
from lab.formats.run.gpu import KernelTimes
from lab.formats.run_record import Cell, RunRecord
from lab.formats.test import Test
from lab.views.table import left, right, table
from lab.views.units import number, percent

TOP_KERNELS = 10
NO_ROOF = "none: what was measured is the processor's bandwidth and peak, which say nothing about a GPU"


def gpu_lines(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Yield title and words of what the page says of the GPU; nothing for a run without one."""
    if not is_gpu_run(record):
        return
    program = decode_program(record)
    for cell in record.cells:
        words = list(_cell_words(cell, program))
        if words:
            yield f"GPU, {Test.of(cell).label}", ", ".join(words)
    if name := record.bundle.mlc_quantisation:
        yield "Weights", f"layout {record.weights.layout} (MLC-LLM's {clipped(name)})"
    yield from (("Not checked", clipped(sentence)) for sentence in unverified(record))


def _cell_words(cell: Cell, program: DecodeProgram) -> Iterator[str]:
    launches, counted = launches_per_token(cell), program.launches
    if launches is not None:
        yield f"{number(launches)} launches a token"
    if counted is not None and counted != launches:
        yield f"{number(counted)} by the program"
    if program.bytes is not None:
        yield f"{human_bytes(program.bytes)} a token"
    held = cell.memory.opencl_alloc_peak_bytes if cell.memory else None
    if held is not None:
        yield f"{human_bytes(held)} in its driver's buffers at most"
    built = build_s(cell)
    if built is not None:
        yield f"at most {human_seconds(built)} to make its programs"


def profile_tables(cell: Cell) -> Iterator[tuple[str, RenderableType | str]]:
    """Yield the kernels that took longest, of prefill and of decode; or why there are none."""
    profile = cell.profile
    if profile is None:
        return
    if profile.reason:
        yield "profile", clipped(profile.reason)
    for part, rows in (("prefill", profile.prefill), ("decode", profile.decode)):
        if rows:
            yield f"kernels of {part}", _kernels(rows)


def _kernels(rows: Sequence[KernelTimes]) -> RenderableType:
    total = sum(row.total_s for row in rows) or 1.0
    shown = [
        [clipped(row.kernel), percent(row.total_s / total, 1), number(row.total_s * 1e3), str(row.count)]
        for row in rows[:TOP_KERNELS]
    ]
    if len(rows) > TOP_KERNELS:
        shown.append([f"and {len(rows) - TOP_KERNELS} more", "", "", ""])
    return table([left("Kernel"), right("share"), right("ms"), right("launches")], shown)
