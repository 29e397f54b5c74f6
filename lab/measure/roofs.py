"""The roofs of a device, how fast it reads memory and computes: measured with the plan's threads.

Each is announced while it is measured, and so is its failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lab.core.progress import Progress
from lab.devices.base import Device
from lab.formats.run.blocks import PeakSamples
from lab.measure.plan import Plan
from lab.measure.runner.ask import ask
from lab.measure.runner.invocation import Placed
from lab.ondevice.events import Bandwidth, Peak

GLANCE_PASSES = 2


@dataclass(frozen=True)
class Roof:
    """How fast memory is read, in bytes per second, pass by pass; empty with a reason when it could not be measured."""

    bytes_per_s: tuple[float, ...]
    reason: str | None = None
    loop: str | None = None


def read_roof(device: Device, argv: Sequence[str], env: Mapping[str, str]) -> Roof:
    """Run the runner's bandwidth verb; a failure is a reason, never an end of the session."""
    said, ending = ask(device, argv, env, Bandwidth)
    if said is None:
        return Roof((), ending)
    if not said.bytes_per_s:
        return Roof((), f"the runner gave no rate ({ending})")
    return Roof(said.bytes_per_s, loop=said.loop)


@dataclass(frozen=True)
class PeakRoof:
    """Operations per second of multiplying and adding, pass by pass; empty with a reason when not measured."""

    samples: PeakSamples
    reason: str | None = None
    int8_loop: str | None = None
    f32_loop: str | None = None
    int4_loop: str | None = None


def read_peak(device: Device, argv: Sequence[str], env: Mapping[str, str]) -> PeakRoof:
    """Run the runner's peak verb; a failure is a reason, never an end of the session."""
    said, ending = ask(device, argv, env, Peak)
    if said is None:
        return PeakRoof(PeakSamples(), ending)
    if not (said.int8_ops_per_s and said.f32_ops_per_s):
        return PeakRoof(PeakSamples(), f"the runner gave no rate ({ending})")
    samples = PeakSamples(said.int8_ops_per_s, said.f32_ops_per_s, said.int4_ops_per_s)
    return PeakRoof(samples, int8_loop=said.int8_loop, f32_loop=said.f32_loop, int4_loop=said.int4_loop)


def measure_bandwidth(device: Device, placed: Placed, plan: Plan, progress: Progress, when: str) -> Roof:
    """Read memory; `when` says which of several times this is."""
    with progress.phase(f"bandwidth {when}"):
        available = device.state(window_s=0).get("mem_available_bytes")
        roof = read_roof(device, placed.bandwidth(plan, available), placed.env)
    if roof.reason is not None:
        progress.note(f"bandwidth {when}: not measured: {roof.reason}")
    return roof


def glance(device: Device, placed: Placed, plan: Plan, loop: str | None) -> tuple[float, ...]:
    """Read memory briefly, in bytes/s: neighbours may come and go between the roofs. Empty where it can't be done.

    `loop` is the one that was fastest before: a glance takes no time for another trial.
    """
    available = device.state(window_s=0).get("mem_available_bytes")
    brief = replace(plan, bandwidth_passes=GLANCE_PASSES)
    return read_roof(device, placed.bandwidth(brief, available, loop), placed.env).bytes_per_s


def measure_peak(device: Device, placed: Placed, plan: Plan, progress: Progress, when: str) -> PeakRoof:
    """Multiply and add in registers; `when` says which of several times this is."""
    with progress.phase(f"arithmetic peak {when}"):
        roof = read_peak(device, placed.peak(plan), placed.env)
    if roof.reason is not None:
        progress.note(f"arithmetic peak {when}: not measured: {roof.reason}")
    return roof
