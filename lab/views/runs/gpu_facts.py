"""What a run on a GPU adds to its page: the device, launches and bytes a token, kernels by time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType

from lab.analysis.run.gpu import build_s, is_gpu_run, launches_per_token, program_decode, unverified
from lab.core.text import clipped
from lab.core.units import human_bytes, human_seconds
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
    program = program_decode(record)
    for cell in record.cells:
        words = list(_cell_words(cell, program))
        if words:
            yield f"GPU, {Test.of(cell).label}", ", ".join(words)
    name = record.bundle.extra.get("mlc_quantisation")
    if name:
        yield "Weights", f"layout {record.weights.layout} (MLC-LLM's {clipped(name)})"
    yield from (("Not checked", clipped(sentence)) for sentence in unverified(record))


def _cell_words(cell: Cell, program: dict[str, Any]) -> Iterator[str]:
    launches, counted = launches_per_token(cell), program.get("launches")
    if launches is not None:
        yield f"{number(launches)} launches a token"
    if isinstance(counted, int | float) and counted != launches:
        yield f"{number(counted)} by the program"
    size = program.get("bytes")
    if isinstance(size, int | float):
        yield f"{human_bytes(size)} a token"
    held = cell.memory.extra.get("opencl_alloc_peak_bytes") if cell.memory else None
    if isinstance(held, int):
        yield f"{human_bytes(held)} in its driver's buffers at most"
    built = build_s(cell)
    if built is not None:
        yield f"at most {human_seconds(built)} to make its programs"


def profile_tables(cell: Cell) -> Iterator[tuple[str, RenderableType | str]]:
    """Yield the kernels that took longest, of prefill and of decode; or why there are none."""
    found = cell.extra.get("profile")
    if not isinstance(found, dict):
        return
    if found.get("reason"):
        yield "profile", clipped(found["reason"])
    for part in ("prefill", "decode"):
        rows = found.get(part)
        if isinstance(rows, list) and rows:
            yield f"kernels of {part}", _kernels(rows)


def _kernels(rows: list[dict[str, Any]]) -> RenderableType:
    total = sum(float(row["total_s"]) for row in rows) or 1.0
    shown = [
        [
            clipped(row["kernel"]),
            percent(float(row["total_s"]) / total, 1),
            number(float(row["total_s"]) * 1e3),
            str(row["count"]),
        ]
        for row in rows[:TOP_KERNELS]
    ]
    if len(rows) > TOP_KERNELS:
        shown.append([f"and {len(rows) - TOP_KERNELS} more", "", "", ""])
    return table([left("Kernel"), right("share"), right("ms"), right("launches")], shown)
