"""A probe: the roofs of a device for each number of threads, measured up and down again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from lab.core.errors import MeasureError
from lab.core.lock import device_lock
from lab.core.progress import Progress
from lab.devices.base import Device
from lab.formats.probe_record import SCHEMA, ProbeCount, ProbeLoops, ProbeRecord, ProbeSettings
from lab.formats.provenance import provenance
from lab.formats.run_record import LabBlock, new_run_id, utc_now
from lab.formats.target import TargetSpec
from lab.measure.conditions.gates import Gate, gate_result, wait_until_quiet
from lab.measure.conditions.samplers import Clock
from lab.measure.document import device_record, target_record, with_core_names
from lab.measure.plan import Plan, cells_of, plan_for
from lab.measure.roofs import PeakRoof, Roof, measure_bandwidth, measure_peak
from lab.measure.runner.invocation import Placed, place_runner
from lab.measure.runner.starting import startable
from lab.measure.threads import counts_to_try
from lab.ondevice.build import RunnerFiles


@dataclass(frozen=True)
class Round:
    """Both roofs with one number of threads, measured once."""

    threads: int
    read: Roof
    peak: PeakRoof


def probe(
    device: Device, target: TargetSpec, runner: RunnerFiles, progress: Progress, clock: Clock | None = None
) -> ProbeRecord:
    """Measure the device; nothing is stored. A part that fails is a reason in the record.

    Raises:
        BusyError: another lab measures on this device.
        DeviceUnreachableError: the device went away.
        MeasureError: not one number came back.
    """
    with device_lock(device.serial, f"probe of {target.name}"):
        facts = device.facts()
        plan = plan_for(target, cells_of(), facts.get("cores"), threads=facts.get("cores"))
        runner = startable(device, runner, target, progress.note)
        placed = place_runner(device, runner)
        facts = with_core_names(device, placed, facts)
        with progress.phase("wait for a quiet device"):
            gate, state = wait_until_quiet(device, plan, clock or Clock(), progress.now)
        counts = counts_to_try(plan.threads)
        rounds = [_round(device, placed, plan, progress, threads) for threads in [*counts, *reversed(counts)]]
    _require_numbers(rounds)
    found = tuple(_count(threads, rounds) for threads in counts)
    return replace(_empty(device, facts, target, runner, plan, gate, state), loops=_loops(rounds), counts=found)


def _empty(
    device: Device,
    facts: dict[str, Any],
    target: TargetSpec,
    runner: RunnerFiles,
    plan: Plan,
    gate: Gate,
    state: dict[str, Any],
) -> ProbeRecord:
    """Everything but what was measured."""
    return ProbeRecord(
        schema=SCHEMA,
        probe_id=new_run_id(),
        created_at=utc_now(),
        lab=LabBlock(**asdict(provenance())),
        target=target_record(target),
        device=device_record(device, facts),
        runner=runner.described(),
        settings=ProbeSettings(plan.bandwidth_bytes, plan.bandwidth_passes, plan.peak_passes),
        gate=gate_result(gate),
        state=state,
        loops=ProbeLoops(None, None, None),
        counts=(),
    )


def _round(device: Device, placed: Placed, plan: Plan, progress: Progress, threads: int) -> Round:
    these, when = replace(plan, threads=threads), "with 1 thread" if threads == 1 else f"with {threads} threads"
    read = measure_bandwidth(device, placed, these, progress, when)
    return Round(threads, read, measure_peak(device, placed, these, progress, when))


def _require_numbers(rounds: Sequence[Round]) -> None:
    if not any(one.read.bytes_per_s or one.peak.samples.int8_ops_per_s for one in rounds):
        reasons = dict.fromkeys(str(reason) for one in rounds for reason in (one.read.reason, one.peak.reason))
        raise MeasureError(f"nothing could be measured: {'; '.join(reasons)}", hint="nothing was stored")


def _count(threads: int, rounds: Sequence[Round]) -> ProbeCount:
    """Put the rounds of one number of threads together, in the order they were measured."""
    these = [one for one in rounds if one.threads == threads]
    return ProbeCount(
        threads=threads,
        read_bytes_per_s=tuple(rate for one in these for rate in one.read.bytes_per_s),
        int8_ops_per_s=tuple(rate for one in these for rate in one.peak.samples.int8_ops_per_s),
        f32_ops_per_s=tuple(rate for one in these for rate in one.peak.samples.f32_ops_per_s),
        read_reason=_joined(one.read.reason for one in these),
        peak_reason=_joined(one.peak.reason for one in these),
        int4_ops_per_s=tuple(rate for one in these for rate in one.peak.samples.int4_ops_per_s),
    )


def _loops(rounds: Sequence[Round]) -> ProbeLoops:
    read = next((one.read.loop for one in rounds if one.read.loop), None)
    peak = next((one.peak for one in rounds if one.peak.int8_loop), None)
    return ProbeLoops(read, peak.int8_loop, peak.f32_loop, peak.int4_loop) if peak else ProbeLoops(read, None, None)


def _joined(reasons: Iterable[str | None]) -> str | None:
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or None
