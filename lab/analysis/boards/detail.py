"""One cell of one run in all detail: what a board is opened into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lab.analysis.boards.histogram import Histogram, histogram
from lab.analysis.boards.position import Position, positions
from lab.analysis.points.key import STATUS, CellKey
from lab.analysis.run.flags import run_flags
from lab.analysis.run.summary import CellSummary, finished, samples, summarise
from lab.core.fields import encode
from lab.formats.run_record import Cell, Repetition, RunRecord
from lab.formats.test import Test
from lab.store.liveness import as_it_stands

# What is another in every run, or is the measurement itself: no difference of surroundings.
LEFT_OUT = ("bundle.key", "device.facts.mem_available_bytes", "device.facts.uptime_s", "plan.cells", "target.spec")
NOT_THERE = "–"


@dataclass(frozen=True)
class Sample:
    """One repetition of the metric: its place in the run, how it ended, and whether it was slowed on the way."""

    order: int
    value: float | None
    status: str
    slowing: str
    reason: str


@dataclass(frozen=True)
class Trace:
    """What the device read while one repetition ran, [T] each: seconds since its start; null is not read."""

    order: int
    t_s: tuple[float, ...]
    die_temp_c: tuple[float | None, ...]
    clock_mhz: tuple[float | None, ...]
    mem_available_bytes: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class CellDetail:
    """A cell and metric in one run. Texts of the record are as they stand: a view escapes them.

    `samples` are the repetitions in the order they ran. `gaps_s` are all inter-token gaps in the order of tokens, and
    `itl` is how they are spread. `memory` is resident bytes over seconds, under `memory_counter`. `positions` say
    where prefill and decode lie under the roofs that this run measured. `environment` is what differs from the
    baseline run, of id `baseline_run_id`; both are empty without one.
    """

    key: CellKey
    run_id: str
    created_at: str
    status: str
    reason: str
    flags: tuple[str, ...]
    samples: tuple[Sample, ...]
    gaps_s: tuple[float, ...]
    itl: Histogram | None
    memory: tuple[tuple[float, float], ...]
    memory_counter: str
    traces: tuple[Trace, ...]
    positions: tuple[Position, ...]
    baseline_run_id: str = ""
    baseline_samples: tuple[Sample, ...] = ()
    environment: tuple[Difference, ...] = ()


def cell_detail(record: RunRecord, key: CellKey, baseline: RunRecord | None = None) -> CellDetail | None:
    """Return the cell of the record in all detail, beside that of `baseline`; None when it has no such cell."""
    place = _place(record, key)
    return None if place is None else _detail(record, place, summarise(record)[place], key, baseline)


def run_details(record: RunRecord, baseline: RunRecord | None = None) -> list[CellDetail]:
    """Return every cell of the record in all detail; the samples are those of its decode rate."""
    summaries = summarise(record)
    return [
        _detail(record, place, summaries[place], CellKey.of(record, cell, "decode_tok_per_s"), baseline)
        for place, cell in enumerate(record.cells)
    ]


def samples_in(record: RunRecord, key: CellKey) -> tuple[Sample, ...]:
    """Return the repetitions of the cell and metric in the record; empty where it has no such cell."""
    place = _place(record, key)
    return () if place is None else _samples(record.cells[place], key.metric)


def _detail(
    record: RunRecord, place: int, summary: CellSummary, key: CellKey, baseline: RunRecord | None
) -> CellDetail:
    cell = record.cells[place]
    gaps = tuple(gap for one in finished(cell) for gap in one.itl_s or ())
    return CellDetail(
        key=key,
        run_id=record.run_id,
        created_at=record.created_at,
        status=cell.status,
        reason=cell.reason or next((one.reason for one in cell.repetitions if one.reason), None) or "",
        flags=tuple(flag.text for flag in (*run_flags(as_it_stands(record)), *summary.flags)),
        samples=_samples(cell, key.metric),
        gaps_s=gaps,
        itl=histogram(gaps),
        memory=tuple((at, float(size)) for at, size in cell.memory.samples) if cell.memory else (),
        memory_counter=summary.rss_peak_counter or "",
        traces=tuple(trace for one in cell.repetitions if (trace := _trace(one)) is not None),
        positions=positions(record, cell, summary),
        baseline_run_id=baseline.run_id if baseline else "",
        baseline_samples=samples_in(baseline, key) if baseline else (),
        environment=differences(baseline, record) if baseline else (),
    )


def _place(record: RunRecord, key: CellKey) -> int | None:
    tests, wanted = [Test.of(cell) for cell in record.cells], Test.of(key)
    return tests.index(wanted) if wanted in tests else None


def _samples(cell: Cell, metric: str) -> tuple[Sample, ...]:
    return tuple(_sample(one, metric) for one in sorted(cell.repetitions, key=lambda one: one.order))


def _sample(one: Repetition, metric: str) -> Sample:
    found = samples([one], metric) if metric != STATUS and one.status == "ok" else []
    return Sample(one.order, found[0] if found else None, one.status, one.slowing or "", one.reason or "")


def _trace(one: Repetition) -> Trace | None:
    state = one.state_during or {}
    times = _numbers(state.get("t_s"))
    if not times or None in times:
        return None
    columns = [_padded(state.get(name), len(times)) for name in ("die_temp_c", "cpu_mhz", "mem_available_bytes")]
    return Trace(one.order, tuple(time for time in times if time is not None), *columns)


def _padded(values: Any, length: int) -> tuple[float | None, ...]:
    """The column with as many values as there are times: a record of strangers may have any number."""
    found = _numbers(values)[:length]
    return (*found, *[None] * (length - len(found)))


def _numbers(values: Any) -> list[float | None]:
    return list(_each(values)) if isinstance(values, Sequence) and not isinstance(values, str) else []


def _each(values: Sequence[Any]) -> Iterator[float | None]:
    """Numbers as they are; of a list (a clock for each core) the highest; all else is not read."""
    for value in values:
        if isinstance(value, list | tuple):
            numbers = [one for one in value if isinstance(one, int | float)]
            yield float(max(numbers)) if numbers else None
        else:
            yield float(value) if isinstance(value, int | float) else None


@dataclass(frozen=True)
class Difference:
    """One thing, by its key in the record, as text: of the baseline and of this run."""

    what: str
    baseline: str
    here: str


def differences(baseline: RunRecord, record: RunRecord) -> tuple[Difference, ...]:
    """Return what differs of device, engine, build, plan, weights and state before the first repetition."""
    before, now = dict(_facts(baseline)), dict(_facts(record))
    return tuple(
        Difference(key, before.get(key, NOT_THERE), now.get(key, NOT_THERE))
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key) and not key.startswith(LEFT_OUT)
    )


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    for block in ("revision", "lab", "engine", "device", "target", "model", "weights", "bundle", "plan", "protocol"):
        yield from _flat(encode(getattr(record, block)), block)
    states = [one.state_before for cell in record.cells for one in cell.repetitions if one.state_before]
    for name in ("governor", "thermal_status", "charge", "die_temp_c", "busy_fraction"):
        if states and states[0].get(name) is not None:
            yield from _flat(states[0][name], f"before.{name}")


def _flat(value: Any, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{prefix}.{key}")
    elif isinstance(value, list):
        yield prefix, ", ".join(str(item) for item in value)
    elif value is not None:
        yield prefix, f"{value:.6g}" if isinstance(value, float) else str(value)
