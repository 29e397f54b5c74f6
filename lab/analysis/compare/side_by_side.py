"""Engines of one session against each other: for each cell and metric a ratio, its interval, and a sentence.

Engines took turns, so repetition i of one ran beside repetition i of the other: they are pairs, and what
disturbed both alike cancels. The interval covers what varies within this session, and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from lab.analysis.run.gpu import fell_back
from lab.analysis.run.stats import MIN_BOOTSTRAP, paired_ratio_interval
from lab.analysis.run.summary import CellSummary, summarise
from lab.core.errors import NotComparableError
from lab.formats.metrics import PEAK
from lab.formats.run_record import Cell, RunRecord

PAIRED = ("prefill_tok_per_s", "decode_tok_per_s", "ttft_s")
_VERBS = {"prefill_tok_per_s": "prefills", "decode_tok_per_s": "decodes"}


@dataclass(frozen=True)
class Ratio:
    """`a` / `b` for one metric of one cell, of medians over `pairs` repetitions (of one memory pass each: 0).

    `interval` is the 95 % bootstrap interval over pairs; null with too few, and for memory.
    """

    label: str
    metric: str
    a: str
    b: str
    ratio: float
    interval: tuple[float, float] | None
    pairs: int

    @property
    def words(self) -> str:
        """The verdict as a sentence."""
        if self.metric == PEAK:
            return f"{self.a} peaks at {self.ratio:.2f} times the memory of {self.b} (one pass each: no interval)"
        if self.metric in _VERBS:
            said = f"{self.a} {_VERBS[self.metric]} {self.ratio:.2f} times as fast as {self.b}"
        else:
            said = f"the first token of {self.a} takes {self.ratio:.2f} times as long as that of {self.b}"
        return f"{said}, {self._how_sure}"

    @property
    def _how_sure(self) -> str:
        if self.interval is None:
            return f"but {self.pairs} of at least {MIN_BOOTSTRAP} pairs are too few for an interval"
        low, high = self.interval
        between = f"95 % interval {low:.2f} to {high:.2f}"
        return f"{between}: no difference is shown" if low <= 1 <= high else between


@dataclass(frozen=True)
class SideBySide:
    """The records of a session with the summaries of their cells, and every ratio of the first to another."""

    records: tuple[RunRecord, ...]
    summaries: tuple[tuple[CellSummary, ...], ...]
    ratios: tuple[Ratio, ...]


def side_by_side(records: Sequence[RunRecord]) -> SideBySide:
    """Hold the engines of one session against the first of them.

    Raises:
        NotComparableError: they are not of one session, so nothing pairs their repetitions.
    """
    sessions = {record.session for record in records}
    if len(records) < 2 or len(sessions) != 1 or None in sessions:
        runs = ", ".join(record.run_id for record in records)
        raise NotComparableError(f"not the engines of one session: {runs}", hint="`lab compare` compares two runs")
    summaries = tuple(tuple(summarise(record)) for record in records)
    ratios = [
        ratio
        for number in range(len(records[0].cells))
        for other in range(1, len(records))
        if not (fell_back(records[0]) or fell_back(records[other]))  # a CPU in a GPU's place is compared with nothing
        for ratio in _of_cell(records, summaries, number, other)
    ]
    return SideBySide(tuple(records), summaries, tuple(ratios))


def _of_cell(
    records: Sequence[RunRecord], summaries: Sequence[Sequence[CellSummary]], number: int, other: int
) -> Iterator[Ratio]:
    names = records[0].engine.name, records[other].engine.name
    label = summaries[0][number].label
    for metric in PAIRED:
        ours, theirs = _pairs(records[0].cells[number], records[other].cells[number], metric)
        if ours and median(theirs):
            interval = paired_ratio_interval(theirs, ours)
            yield Ratio(label, metric, *names, median(ours) / median(theirs), interval, len(ours))
    mine, its = summaries[0][number], summaries[other][number]
    if mine.rss_peak_bytes and its.rss_peak_bytes and mine.rss_peak_counter == its.rss_peak_counter:
        yield Ratio(label, PEAK, *names, mine.rss_peak_bytes / its.rss_peak_bytes, None, 0)


def _pairs(a: Cell, b: Cell, metric: str) -> tuple[list[float], list[float]]:
    """Return the values of repetitions that both sides finished, in order."""
    found_a, found_b = _by_index(a, metric), _by_index(b, metric)
    both = sorted(found_a.keys() & found_b.keys())
    return [found_a[index] for index in both], [found_b[index] for index in both]


def _by_index(cell: Cell, metric: str) -> dict[int, float]:
    good = [(one.index, getattr(one, metric)) for one in cell.repetitions if one.status == "ok"]
    return {index: value for index, value in good if value is not None}
