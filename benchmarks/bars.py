"""What the speed benchmark is held to: each bar beside what was reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

from lab.analysis.compare.side_by_side import side_by_side
from lab.analysis.run.stats import paired_ratio_interval
from lab.analysis.run.summary import CellSummary, summarise
from lab.formats.metrics import PEAK
from lab.formats.run_record import RunRecord

PREFILL, DECODE, ROOF = "prefill_tok_per_s", "decode_tok_per_s", "roof_fraction"
NOT_HERE = "not on this machine"


@dataclass(frozen=True)
class Bar:
    """`bar` and `stretch` for a ratio to a peer (unit "x"), a fraction ("1"), or seconds ("s").

    `beside` is the peer, "" for none. `machine` is the kind that the bar is for, "" for any. `test` is the label of the
    cell and `metric` the figure in it that is judged, where the part is a session.
    """

    what: str
    bar: float
    stretch: float
    unit: str = "x"
    lower_is_better: bool = False
    beside: str = "llama.cpp"
    machine: str = ""
    test: str = ""
    metric: str = ""


@dataclass(frozen=True)
class Row:
    """One bar and what came of it; `ours` and `theirs` are medians in `of`'s unit, the interval is of the ratio.

    Without a `value`, `why` says what this machine lacks. `masked`: its AVX-512 was, on both sides, at compile time.
    """

    bar: Bar
    value: float | None
    interval: tuple[float, float] | None = None
    ours: float | None = None
    theirs: float | None = None
    of: str = ""
    masked: bool = False
    why: str = ""

    @property
    def reached(self) -> str:
        """Say which of the two was reached, or that it cannot be judged here."""
        if self.value is None:
            return NOT_HERE
        sign = -1 if self.bar.lower_is_better else 1
        if sign * self.value >= sign * self.bar.stretch:
            return "stretch"
        return "bar" if sign * self.value >= sign * self.bar.bar else "missed"

    @property
    def group(self) -> str:
        """What stands over the table that the row is in."""
        machine = f"{self.bar.machine}, masked on both sides at compile time" if self.masked else self.bar.machine
        return ", ".join(filter(None, [f"beside {self.bar.beside}" if self.bar.beside else "alone", machine]))

    def document(self) -> dict[str, Any]:
        """Return the row as plain data."""
        return {**asdict(self), "reached": self.reached}


def absent(bars: Sequence[Bar], why: str) -> list[Row]:
    """Return the rows of bars that cannot be judged here, and why not."""
    return [Row(bar, None, why=why) for bar in bars]


def speed(records: Sequence[RunRecord], label: str, metric: str, bar: Bar) -> Row:
    """Return the ratio of lab to the bar's peer in the cell `label`; KeyError where the session has none."""
    found = side_by_side(records)
    ratio = {(one.label, one.metric, one.b): one for one in found.ratios}[label, metric, bar.beside]
    number = next(i for i, record in enumerate(records) if record.engine.name == bar.beside)
    ours, theirs = (_cell(found.summaries[i], label) for i in (0, number))
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


def times_as_fast(ours_s: Sequence[float], theirs_s: Sequence[float], bar: Bar) -> Row:
    """Return how many times as long the peer takes, of medians of times that were taken in pairs."""
    ours, theirs = median(ours_s), median(theirs_s)
    return Row(bar, theirs / ours, paired_ratio_interval(ours_s, theirs_s), ours, theirs, "s")


def with_masked(row: Row, masked: bool) -> Row:
    """Return the row with the word on AVX-512."""
    return replace(row, masked=masked)


def _cell(cells: Sequence[CellSummary], label: str) -> CellSummary:
    return next(cell for cell in cells if cell.label == label)
