"""The roofline: what a run achieved beside what the same session measured its device to be able to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lab.analysis.run.gpu import is_gpu_run
from lab.analysis.run.roofline import matrix_peak, roof
from lab.analysis.run.stats import Stat
from lab.analysis.run.summary import CellSummary, summarise
from lab.core.errors import UsageError
from lab.formats.run_record import RunRecord
from lab.plot.axes import axes_for, headed, with_legend
from lab.plot.series import EMULATED, RANDOM, part_note

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
MARKS = {"decode": "o", "prefill": "s"}


class Point(NamedTuple):
    """One phase of one test: operations a byte, operations/s, and those of its slowest and fastest repetition."""

    phase: str
    test: str
    intensity: float
    ops: float
    low: float
    high: float


def roofline(runs: RunRecord | Iterable[RunRecord], *, ax: Axes | None = None) -> Axes:
    """Draw decode and prefill of recorded runs (`lab.run(...)`, `lab.open().runs()`) below their measured roofs.

    The slope is the memory bandwidth, the flat part the arithmetic peak of products with these weights, both medians of
    what the session measured. A point's bar goes from its slowest to its fastest repetition.

    Raises:
        UsageError: no run has operations and bytes to draw, or it is a frame, which has no roofs; no matplotlib.
    """
    records = [runs] if isinstance(runs, RunRecord) else list(runs)
    if not all(isinstance(one, RunRecord) for one in records):
        raise UsageError("a frame has no roofs", hint="give the records: lab.plot.roofline(lab.open().runs())")
    found = {record.run_id: list(_points(record)) for record in records}
    if not any(found.values()):
        raise UsageError("no run has operations and bytes to draw")
    ax = axes_for(ax)
    every = [point for points in found.values() for point in points]
    least, most = min(one.intensity for one in every) / 4, max(one.intensity for one in every) * 4
    for place, record in enumerate(records):
        name = f"{record.target.name} {record.model.label} {record.engine.name}"
        _draw(ax, found[record.run_id], name if len(records) > 1 else "", f"C{place % 10}")
        _roofs(ax, record, np.geomspace(least, most, 100), f"C{place % 10}")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("arithmetic intensity [operations per byte]")
    ax.set_ylabel("achieved [operations/s]")
    title = f"{records[0].target.name} {records[0].model.label} {records[0].engine.name} " if len(records) == 1 else ""
    notes = dict.fromkeys(note for record in records for note in _notes_of(record))
    headed(ax, f"{title}roofline", [*notes, "bars: range of the repetitions"])
    with_legend(ax, len(records) + 1)
    return ax


def _points(record: RunRecord) -> Iterator[Point]:
    for cell in summarise(record):
        yield from _of(cell, "prefill", cell.prefill_ops_per_s, cell.prefill_bytes_per_s, "prefill_tok_per_s")
        yield from _of(cell, "decode", cell.decode_ops_per_s, cell.achieved_bytes_per_s, "decode_tok_per_s")


def _of(cell: CellSummary, phase: str, ops: float | None, read: float | None, name: str) -> Iterator[Point]:
    rate: Stat | None = cell.metrics.get(name)
    if ops and read and rate is not None:
        low, high = ops * rate.low / rate.median, ops * rate.high / rate.median
        yield Point(phase, cell.label, ops / read, ops, low, high)


def _draw(ax: Axes, points: Iterable[Point], name: str, color: str) -> None:
    named: set[str] = set()
    for one in points:
        label = "" if one.phase in named else f"{name} {one.phase}".strip()
        named.add(one.phase)
        reach = [[one.ops - one.low], [one.high - one.ops]]
        at = [one.intensity], [one.ops]
        ax.errorbar(*at, yerr=reach, fmt=MARKS[one.phase], ms=6, color=color, capsize=2, label=label or None)
        ax.annotate(f" {one.test}", (one.intensity, one.ops), fontsize="x-small", va="top")


def _roofs(ax: Axes, record: RunRecord, x: Floats, color: str) -> None:
    bandwidth, peak = (None, None) if is_gpu_run(record) else (roof(record), matrix_peak(record))
    if bandwidth is None:
        return
    ax.plot(x, np.minimum(x * bandwidth, peak or np.inf), color=color, lw=1)
    slope = f"{bandwidth / 1e9:.1f} GB/s"
    ax.annotate(slope, (x[8], x[8] * bandwidth), fontsize="x-small", color=color, rotation=30, va="bottom")
    if peak is not None:
        flat = f"{peak / 1e9:.0f} GOP/s"
        ax.annotate(flat, (x[-1], peak), fontsize="x-small", color=color, ha="right", va="bottom")


def _notes_of(record: RunRecord) -> list[str]:
    found = [
        RANDOM if record.weights.synthetic else "",
        part_note(record.model.layers, record.model.layers_total),
        EMULATED if record.device.emulated else "",
        "a GPU has no measured roofs" if is_gpu_run(record) else "",
    ]
    return list(filter(None, found))
