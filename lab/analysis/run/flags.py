"""What a reader has to know before believing a number: a code for programs, a sentence for people."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lab.analysis.run.gpu import computes_on_cpu, fell_back, gpu_device, unverified
from lab.analysis.run.roofline import of_fastest_pass
from lab.analysis.run.stats import Stat
from lab.core.text import printable
from lab.core.units import percent
from lab.formats.metrics import gated, metric
from lab.formats.run.blocks import MADE_UP
from lab.formats.run_record import Cell, GateResult, PlanRecord, Repetition, RunRecord

ABOVE_ROOF = 1.05  # roofs themselves are measured to a few percent
DOUBTFUL = "contradictory or impossible numbers"
DOUBTS = ("contradictory", "impossible")  # codes that an imported cell carries
IMPOSSIBLE = ("above_roof", "prefill_above_roof")  # codes of what cannot be
BANDWIDTH_MOVED = 1.15
_BEFORE = re.compile(r"late gaps took ([0-9.]{1,9}) times the early ones")  # reasons that files of before hold


@dataclass(frozen=True)
class Flag:
    """`code` never changes its meaning; `text` is for people and may be reworded."""

    code: str
    text: str


def run_flags(record: RunRecord) -> tuple[Flag, ...]:
    """What holds for every cell of the run."""
    return tuple(_run_flags(record))


def cell_flags(record: RunRecord, cell: Cell, metrics: Mapping[str, Stat]) -> tuple[Flag, ...]:
    """What holds for one cell."""
    counted = [repetition for repetition in cell.repetitions if repetition.status == "ok"]
    return (
        *_lost(cell, counted),
        *_other_tokens(counted),
        *_unsteady(record, metrics),
        *_disturbed(record.plan, counted),
        *_impossible(of_fastest_pass(record, cell, metrics)),
        *doubts(cell),
    )


def doubts(cell: Cell) -> tuple[Flag, ...]:
    """What an imported row contradicts, or no device can do: such numbers are shown, and nothing is made of them."""
    return tuple(Flag(doubt.code, printable(doubt.text)) for doubt in cell.doubts or () if doubt.code in DOUBTS)


def _run_flags(record: RunRecord) -> Iterator[Flag]:
    if record.protocol.name == MADE_UP:
        yield Flag("made_up", "made up by `lab demo`: nothing was measured")
    if record.weights.synthetic:
        text = f"random weights ({record.weights.source_id}): speed and memory are valid, generated text is meaningless"
        yield Flag("synthetic", text)
    if record.model.layers != record.model.layers_total:
        text = f"only {record.model.layers} of {record.model.layers_total} layers: not the whole model"
        yield Flag("layers", text)
    if record.disturbed_by:
        yield Flag("disturbed", f"fault injection (test): {record.disturbed_by[:200]}")
    if record.device.emulated:
        yield Flag("emulated", "emulated device: its timings say nothing about a real device")
    if fell_back(record):
        what = "CPU" if gpu_device(record).type == "cpu" else "no GPU"
        text = f"requested GPU, ran on {what} ({_device(record)})"
        yield Flag("fell_back", text)
    elif computes_on_cpu(record):
        yield Flag("cpu_device", f"OpenCL computes on {_kind(record)} here: its timings say nothing about a GPU")
    if missing := unverified(record):
        count = "1 thing" if len(missing) == 1 else f"{len(missing)} things"
        yield Flag("unverified", f"{count} could not be checked without the device: see Not checked")
    if record.status != "ok":
        status = record.status.replace("_", " ")
        yield Flag(record.status, f"run {status}" + (f": {record.reason}" if record.reason else ""))
    yield from _bandwidth(record)


def _device(record: RunRecord) -> str:
    return printable(gpu_device(record).device or "an unnamed device")


def _kind(record: RunRecord) -> str:
    found = printable(str(gpu_device(record).type))
    return "a CPU" if found == "cpu" else f"of the type {found} and no GPU"


def _bandwidth(record: RunRecord) -> Iterator[Flag]:
    found = record.bandwidth
    if found is None or not found.before or not found.after:
        return
    before, after = statistics.median(found.before), statistics.median(found.after)
    if min(before, after) > 0 and max(before, after) / min(before, after) > BANDWIDTH_MOVED:
        text = f"memory bandwidth went from {before / 1e9:.1f} to {after / 1e9:.1f} GB/s within the run"
        yield Flag("bandwidth_moved", text)


def _lost(cell: Cell, counted: Sequence[Repetition]) -> Iterator[Flag]:
    lost = [repetition for repetition in cell.repetitions if repetition.status != "ok"]
    if lost:
        reasons = dict.fromkeys(repetition.reason or repetition.status for repetition in lost)
        text = f"{len(lost)} of {len(cell.repetitions)} repetitions without numbers: {'; '.join(reasons)}"
        yield Flag("repetitions_lost", text)
    if cell.status not in ("ok", "not_run") and not lost:
        yield Flag(f"cell_{cell.status}", f"{cell.status.replace('_', ' ')}: {cell.reason or 'no reason recorded'}")


def _other_tokens(counted: Sequence[Repetition]) -> Iterator[Flag]:
    kinds = len({one.tokens_sha256 for one in counted if one.tokens_sha256})
    if kinds > 1:
        yield Flag("tokens_differ", f"the same input gave {kinds} different outputs: the build or the device is faulty")


def _unsteady(record: RunRecord, metrics: Mapping[str, Stat]) -> Iterator[Flag]:
    gate = record.plan.cv_gate
    for name in gated():
        stat = metrics.get(name)
        if gate is not None and stat is not None and stat.cv is not None and stat.cv > gate:
            cv = f"coefficient of variation {percent(stat.cv, 1)} (limit {percent(gate)})"
            yield Flag("cv_over_gate", f"{metric(name).title.lower()}: {cv}")


def _why_not_quiet(gates: Sequence[GateResult], plan: PlanRecord) -> str:
    waited, limit = f"waited {max(gate.waited_s for gate in gates):.0f} s", plan.max_busy
    busy = [gate.busy_fraction for gate in gates]
    if limit is not None and all(isinstance(one, int | float) and one > limit for one in busy):
        return f"the CPU was busy (limit {percent(limit)}, {waited})"
    return f"{'; '.join(dict.fromkeys(gate.reason or 'no reason was recorded' for gate in gates))} ({waited})"


def _slowed_by(message: re.Match[str]) -> str:
    return f"slowed within the run by {percent(float(message[1]) - 1, 0)}"


def _disturbed(plan: PlanRecord, counted: Sequence[Repetition]) -> Iterator[Flag]:
    of = f"of {len(counted)} repetitions"
    if waited := [one.gate for one in counted if one.gate and not one.gate.kept]:
        yield Flag("gate_not_kept", f"{len(waited)} {of} started although {_why_not_quiet(waited, plan)}")
    if cold := sum(1 for one in counted if one.warmup and not one.warmup.stable):
        yield Flag("warmup_unstable", f"{cold} {of} started before warm-up converged")
    for how in ("throttled", "slowed"):
        if slowed := [str(one.throttled_reason or "") for one in counted if one.slowing == how]:
            reasons = "; ".join(dict.fromkeys(_BEFORE.sub(_slowed_by, reason) for reason in slowed if reason))
            first = f"{len(slowed)} {of}" + (" throttled" if how == "throttled" else "")
            yield Flag(how, f"{first}: {reasons}" if reasons else first)
    yield from _quota(counted)
    if swapping := sum(1 for one in counted if one.swap_bytes):
        yield Flag("swapped", f"{swapping} {of} swapped: not comparable")


def _quota(counted: Sequence[Repetition]) -> Iterator[Flag]:
    quotas = [row.cpu_quota for row in counted if row.cpu_quota]
    stopped, periods = (sum(getattr(quota, name) or 0 for quota in quotas) for name in ("throttled_periods", "periods"))
    if stopped:
        cores = {f"{quota.cores:g}" for quota in quotas if quota.cores is not None}
        of = f" of {'/'.join(sorted(cores))} cores" if cores else ""
        text = f"a CPU quota{of} stopped it in {stopped} of {periods} periods; token gaps include those stops"
        yield Flag("cpu_quota", text)


def _impossible(fractions: tuple[float | None, float | None]) -> Iterator[Flag]:
    whats = (("Decode", "memory bandwidth"), ("Prefill", "arithmetic peak"))
    for code, fraction, (what, roof) in zip(IMPOSSIBLE, fractions, whats, strict=True):
        if fraction is not None and fraction > ABOVE_ROOF:
            text = f"{what} exceeds the fastest measured {roof} ({percent(fraction, 0)}): above the roofline"
            yield Flag(code, text)
