"""Where prefill and decode of a cell lie under the roofs that the same run measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.analysis.run.gpu import is_gpu_run
from lab.analysis.run.roofline import matrix_peak, roof
from lab.analysis.run.summary import CellSummary
from lab.analysis.run.work import Work, decode_work, prefill_work
from lab.formats.run_record import Cell, RunRecord


@dataclass(frozen=True)
class Position:
    """One phase in a roofline picture (Williams et al. 2009), whose axes are operations a byte and operations/s.

    `roof_bytes_per_s` and `peak_ops_per_s` are what the run measured of the device; null where it did not, and for
    a GPU, since both are the processor's. `fraction` is of the roof that bounds the phase, as in `lab show`.
    """

    phase: Literal["prefill", "decode"]
    ops_per_byte: float | None
    ops_per_s: float | None
    bytes_per_s: float | None
    roof_bytes_per_s: float | None
    peak_ops_per_s: float | None
    fraction: float | None


def positions(record: RunRecord, cell: Cell, summary: CellSummary) -> tuple[Position, ...]:
    """Return both phases, as far as they were measured."""
    has_roofs = not is_gpu_run(record)
    limits = (roof(record), matrix_peak(record)) if has_roofs else (None, None)
    prefill = (summary.prefill_ops_per_s, summary.prefill_bytes_per_s)
    decode = (summary.decode_ops_per_s, summary.achieved_bytes_per_s)
    found = (
        Position("prefill", _intensity(prefill_work(record, cell)), *prefill, *limits, summary.prefill_roof_fraction),
        Position("decode", _intensity(decode_work(record, cell)), *decode, *limits, summary.roof_fraction),
    )
    return tuple(one for one in found if one.bytes_per_s is not None)


def _intensity(work: Work) -> float | None:
    return work.ops / work.bytes if work.ops is not None and work.bytes else None
