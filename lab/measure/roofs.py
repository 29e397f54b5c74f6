"""The roofs of a device, measured with the plan's threads: said while it is done, and said when it fails."""

from __future__ import annotations

from dataclasses import replace

from lab.core.progress import Progress
from lab.devices.base import Device
from lab.measure.bandwidth import Roof, read_roof
from lab.measure.peak import PeakRoof, read_peak
from lab.measure.plan import Plan
from lab.measure.runner.invocation import Placed

GLANCE_PASSES = 2


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
