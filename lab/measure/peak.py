"""How fast this device multiplies and adds: the other roof that a session's numbers are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.devices.base import Device
from lab.formats.run.blocks import PeakSamples
from lab.measure.runner.ask import ask
from lab.ondevice.events import Peak


@dataclass(frozen=True)
class PeakRoof:
    """Operations per second, pass by pass; empty with a reason when they could not be measured."""

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
