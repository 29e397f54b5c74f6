"""What a recorded run says in numbers. Computed each time it is read, never stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from lab.analysis.run.flags import DOUBTS, IMPOSSIBLE, Flag, cell_flags
from lab.analysis.run.roofline import roofline
from lab.analysis.run.stats import Stat, describe, percentile
from lab.formats.metrics import per_repetition
from lab.formats.run_record import Cell, Repetition, RunRecord
from lab.formats.test import Test

_DECLARED = frozenset(field.name for field in fields(Repetition))


@dataclass(frozen=True)
class Gaps:
    """Inter-token gaps of all finished repetitions together, in seconds; null with too few of them."""

    n: int
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None


@dataclass(frozen=True)
class CellSummary:
    """One cell. `metrics` holds what was measured; a metric that is not there was not.

    `rss_peak_bytes` comes from the memory pass (else from the timed repetitions) under `rss_peak_counter`.
    What was achieved and its fraction of the measured roofs is that of lab.analysis.run.roofline.
    """

    prompt: int
    generate: int
    depth: int
    label: str
    status: str
    reason: str | None
    planned: int | None  # null: another program measured, and does not say
    finished: int
    metrics: dict[str, Stat]
    itl: Gaps
    rss_peak_bytes: float | None
    rss_peak_counter: str | None
    weights_bytes: int | None
    kv_bytes: int | None
    workspace_bytes: int | None
    prefill_ops_per_s: float | None
    prefill_bytes_per_s: float | None
    prefill_roof_fraction: float | None
    decode_ops_per_s: float | None
    achieved_bytes_per_s: float | None
    roof_bytes_per_s: float | None
    roof_fraction: float | None
    flags: tuple[Flag, ...]

    @property
    def impossible(self) -> bool:
        """Whether a rate cannot be: it is above a roof of its session, above any device's, or contradicts itself."""
        return bool(self.mark)

    @property
    def mark(self) -> str:
        """Why a rate cannot be, in a word: `impossible`, `contradictory`; empty where it can."""
        codes = [flag.code for flag in self.flags if flag.code in (*IMPOSSIBLE, *DOUBTS)]
        return ("impossible" if codes[0] in IMPOSSIBLE else codes[0]) if codes else ""


def summarise(record: RunRecord) -> list[CellSummary]:
    """Summarise every cell of the record, in its order."""
    return [_cell(record, cell) for cell in record.cells]


def finished(cell: Cell) -> list[Repetition]:
    """Return the repetitions whose numbers count."""
    return [repetition for repetition in cell.repetitions if repetition.status == "ok"]


def samples(repetitions: Iterable[Repetition], metric: str) -> list[float]:
    """Return one number a repetition, in order; a repetition that did not measure it gives none."""
    read = _read(metric)
    return [value for repetition in repetitions if (value := read(repetition)) is not None]


def _read(metric: str) -> Callable[[Repetition], float | None]:
    if metric == "itl_p50_s":
        return lambda repetition: percentile(repetition.itl_s or (), 50)
    return lambda repetition: value_of(repetition, metric)


def value_of(repetition: Repetition, metric: str) -> Any:
    """Return what the repetition has under the name of a metric; null where it has nothing of it.

    One that no field is declared for, as a lab that knows more metrics writes them, is read all the same.
    """
    return getattr(repetition, metric) if metric in _DECLARED else repetition.extra.get(metric)


def _cell(record: RunRecord, cell: Cell) -> CellSummary:
    counted = finished(cell)
    described = {name: describe(samples(counted, name)) for name in per_repetition()}
    metrics = {name: stat for name, stat in described.items() if stat is not None}
    roofs = roofline(record, cell, metrics)
    peak, counter = _peak(cell, counted, metrics)
    memory = cell.memory
    return CellSummary(
        prompt=cell.prompt,
        generate=cell.generate,
        depth=cell.depth,
        label=Test.of(cell).label,
        status=cell.status,
        reason=cell.reason,
        planned=record.plan.repeats,
        finished=len(counted),
        metrics=metrics,
        itl=_gaps(counted),
        rss_peak_bytes=peak,
        rss_peak_counter=counter,
        weights_bytes=memory.weights_bytes if memory else None,
        kv_bytes=memory.kv_bytes if memory else None,
        workspace_bytes=memory.workspace_bytes if memory else None,
        **asdict(roofs),
        flags=cell_flags(record, cell, metrics),
    )


def _peak(cell: Cell, counted: list[Repetition], metrics: dict[str, Stat]) -> tuple[float | None, str | None]:
    if cell.memory is not None and cell.memory.rss_peak_bytes is not None:
        return cell.memory.rss_peak_bytes, cell.memory.counter
    counters = {repetition.rss_peak_counter for repetition in counted}
    if "rss_peak_bytes" not in metrics or len(counters) != 1:  # two counters are not one number
        return None, None
    return metrics["rss_peak_bytes"].median, counters.pop()


def _gaps(counted: list[Repetition]) -> Gaps:
    pooled = [gap for repetition in counted for gap in repetition.itl_s or ()]
    return Gaps(len(pooled), *(percentile(pooled, q) for q in (50, 90, 99)))
