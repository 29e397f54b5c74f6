"""What the speed benchmark is held to: each bar beside what was reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from lab.analysis.side_by_side import PEAK, side_by_side
from lab.analysis.summary import CellSummary, summarise
from lab.formats.run_record import RunRecord

PREFILL, DECODE = "prefill_tok_per_s", "decode_tok_per_s"


@dataclass(frozen=True)
class Bar:
    """`bar` and `stretch` for a ratio to llama.cpp (unit "x"), a fraction ("1"), or seconds ("s")."""

    what: str
    bar: float
    stretch: float
    unit: str = "x"
    lower_is_better: bool = False


@dataclass(frozen=True)
class Row:
    """One bar and what came of it; `ours` and `theirs` are medians in `of`'s unit, the interval is of the ratio."""

    bar: Bar
    value: float
    interval: tuple[float, float] | None = None
    ours: float | None = None
    theirs: float | None = None
    of: str = ""

    @property
    def reached(self) -> str:
        """Say which of the two was reached."""
        sign = -1 if self.bar.lower_is_better else 1
        if sign * self.value >= sign * self.bar.stretch:
            return "stretch"
        return "bar" if sign * self.value >= sign * self.bar.bar else "missed"

    def document(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return {**asdict(self), "reached": self.reached}


def speed(records: Sequence[RunRecord], label: str, metric: str, bar: Bar) -> Row:
    """Return the ratio of lab to llama.cpp in the cell `label`; KeyError where the session has none."""
    found = side_by_side(records)
    ratio = {(one.label, one.metric): one for one in found.ratios}[label, metric]
    ours, theirs = (_cell(cells, label) for cells in found.summaries)
    if metric == PEAK:
        return Row(bar, ratio.ratio, None, ours.rss_peak_bytes, theirs.rss_peak_bytes, "B")
    return Row(bar, ratio.ratio, ratio.interval, ours.metrics[metric].median, theirs.metrics[metric].median, "tok/s")


def of_roof(record: RunRecord, label: str, bar: Bar) -> Iterator[Row]:
    """Yield decode's fraction of the bandwidth of its session, where that was measured."""
    cell = _cell(summarise(record), label)
    if cell.roof_fraction is not None:
        yield Row(bar, cell.roof_fraction, None, cell.achieved_bytes_per_s, None, "B/s")


def seconds(samples: Sequence[float], bar: Bar) -> Row:
    """Return the median of some times."""
    return Row(bar, median(samples))


def _cell(cells: Sequence[CellSummary], label: str) -> CellSummary:
    return next(cell for cell in cells if cell.label == label)
