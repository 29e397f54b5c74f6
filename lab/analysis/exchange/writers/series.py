"""A run as what other tools take: for each cell its samples by metric, or why it has none; and the names of series.

A name is made of its run alone, never of what else is exported: the same series has it every night. What is at the
default of its tool is left out. So a column that appears at its default changes no name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.analysis.backend_names import backend_text
from lab.analysis.exchange.writers.anonymise import hostless, public_setting
from lab.analysis.points import defaults
from lab.analysis.points.settings import settings_of
from lab.analysis.run.flags import doubts
from lab.analysis.run.summary import CellSummary, finished, samples, summarise
from lab.analysis.tools import OWN, tool_of
from lab.core.text import printable
from lab.formats.metrics import PEAK, judged
from lab.formats.run_record import Cell, RunRecord


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
        for name in judged():
            values = _values(cell, summary, name)
            if values:
                counter = summary.rss_peak_counter if name == PEAK else None
                yield Series(cell, summary.label, name, values, counter)


def _values(cell: Cell, summary: CellSummary, name: str) -> tuple[float, ...]:
    if name == PEAK:
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


NO_NAMES = ("fingerprint", "plan_threads")  # a digest, and what was planned where another number ran


@dataclass(frozen=True)
class Under:
    """`tool`, `backend` and `settings` as names say them; `threads` 0 is not known. Empty is the default."""

    tool: str
    backend: str
    threads: int
    settings: tuple[tuple[str, str], ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """All of it as parts of a name: pocketpal, opencl, threads=4, flash_attn=1."""
        threads = [f"threads={self.threads}"] if self.threads else []
        named = [part for part in (self.tool, self.backend) if part]
        return (*named, *threads, *(f"{name}={text or 'none'}" for name, text in self.settings))


def under(record: RunRecord) -> Under:
    """Return under what the run was measured; lab's own engines on the CPU, with a thread a core, need no name."""
    own = tool_of(record) == OWN
    threads = record.engine.threads
    if own and threads == record.device.facts.get("cores"):
        threads = 0
    backend = backend_text(record)
    return Under(
        tool="" if own else tool_of(record),
        backend="" if own and backend.startswith("cpu") else backend,
        threads=threads,
        settings=tuple(_settings(record, own)),
    )


def _settings(record: RunRecord, own: bool) -> Iterator[tuple[str, str]]:
    """Settings that are not at their default; one that stands in several objects with one value once."""
    usual = defaults.OWN if own else defaults.DEFAULTS.get(tool_of(record), {})
    told = [(name, text) for name, text in settings_of(record) if usual.get(name) != text and name not in NO_NAMES]
    values: dict[str, set[str]] = {}
    for name, text in told:
        values.setdefault(_short(name), set()).add(text)
    pairs = ((_short(name) if len(values[_short(name)]) == 1 else name, text) for name, text in told)
    for name, text in dict.fromkeys(pairs):
        if (name, text) != ("n_threads", str(record.engine.threads)):
            yield printable(name), printable(public_setting(name, text))


def _short(name: str) -> str:
    return name.rpartition(".")[2]
