"""A run as what other tools take: for each cell its samples metric by metric, or why it has none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.analysis.exchange.writers.anonymise import hostless
from lab.analysis.run.flags import doubts
from lab.analysis.run.summary import CellSummary, finished, samples, summarise
from lab.formats.run_record import Cell, RunRecord

EXPORTED = ("prefill_tok_per_s", "decode_tok_per_s", "ttft_s", "itl_p50_s", "load_s", "rss_peak_bytes")


@dataclass(frozen=True)
class Series:
    """Samples of one metric of one cell in the metric's own unit; none, and an `error`, where the cell failed."""

    cell: Cell
    label: str
    metric: str
    samples: tuple[float, ...]
    counter: str | None = None
    error: str | None = None


def series_of(record: RunRecord) -> Iterator[Series]:
    """Yield what the run measured.

    A cell without numbers, or with numbers that contradict themselves or cannot be, has one series, of its decode rate,
    with the error: other tools have no mark for a number that nothing may be made of.
    """
    for cell, summary in zip(record.cells, summarise(record), strict=True):
        if not finished(cell) or doubts(cell):
            yield Series(cell, summary.label, "decode_tok_per_s", (), error=_why(record, cell))
            continue
        for name in EXPORTED:
            values = _values(cell, summary, name)
            if values:
                counter = summary.rss_peak_counter if name == "rss_peak_bytes" else None
                yield Series(cell, summary.label, name, values, counter)


def _values(cell: Cell, summary: CellSummary, name: str) -> tuple[float, ...]:
    if name == "rss_peak_bytes":
        return () if summary.rss_peak_bytes is None else (float(summary.rss_peak_bytes),)
    return tuple(samples(finished(cell), name))


def _why(record: RunRecord, cell: Cell) -> str:
    reasons = [
        *(one.text for one in doubts(cell)),
        cell.reason,
        *(one.reason for one in cell.repetitions),
        record.reason,
    ]
    return hostless(next((one for one in reasons if one), cell.status.replace("_", " ")), record)
