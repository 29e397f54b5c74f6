"""What the memory pass of a cell says, less what can't be true."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.core.units import human_bytes
from lab.formats.manifest import BundleManifest
from lab.formats.run_record import CellMemory, Repetition
from lab.measure.attempt import Attempt
from lab.measure.protocol import MEMORY_COUNTER
from lab.ondevice.events import FOOTPRINT, Memory
from lab.ondevice.run_log import RunLog


def why_uncountable(facts: dict[str, Any]) -> str | None:
    """Return why no counter of this device can be believed, or None."""
    emulator = facts.get("emulator")
    if isinstance(emulator, str) and emulator.startswith("qemu-user"):
        return "qemu-user counts its own memory, not the program's"
    return None


def uncounted(row: Repetition) -> Repetition:
    """Return the repetition without counters of memory."""
    return replace(row, rss_peak_bytes=None, rss_peak_counter=None, swap_bytes=None, major_faults=None)


def cell_memory(
    log: RunLog, how: Attempt, manifest: BundleManifest, previous: CellMemory | None, generate: int
) -> CellMemory:
    """Return the memory of a cell, in bytes; an impossible value is a null, and `reason` says why.

    `previous` is the pass before, whose peak can't come again to the byte; `generate` the tokens this one made.
    """
    said = log.memory if how.ending == "whole" else None
    if said is None or log.loaded is None:
        return no_memory(how.reason or "the runner reported no memory", generate)
    counter, counted = said.counters.peak
    peak, reason = believable(counted, _least_bytes(counter, log, manifest), previous, counter)
    anon = said.rss_anon_peak_bytes
    reasons = [reason, None if said.workspace_bytes is not None else "workspace: the runner can't tell it apart"]
    return CellMemory(
        counter=counter,
        rss_peak_bytes=peak,
        rss_anon_peak_bytes=anon,
        weights_bytes=log.loaded.weights_bytes,
        kv_bytes=log.loaded.kv_bytes,
        workspace_bytes=said.workspace_bytes,
        samples=_samples(log, said),
        reason="; ".join(reason for reason in reasons if reason) or None,
        generate=generate,
        swap_bytes=said.counters.VmSwap,
        major_faults=said.counters.major_faults,
    )


def _least_bytes(counter: str, log: RunLog, manifest: BundleManifest) -> int:
    """Return what the counter must reach. phys_footprint leaves mapped files out, and the CPU's weights are one.

    What an OpenCL driver holds may or may not count as resident.
    """
    device = log.loaded.ran_on.device if log.loaded is not None else None
    uncounted = device == "opencl" or (counter == FOOTPRINT and device == "cpu")
    return 0 if uncounted else manifest.decode_weight_bytes_per_token


def believable(
    peak: int | None, least_bytes: int, previous: CellMemory | None, counter: str = MEMORY_COUNTER
) -> tuple[int | None, str | None]:
    """Return the peak, or null and why it can't be: under `least_bytes` of weights, or that of the pass before."""
    if peak is None:
        return None, f"{counter}: the kernel does not count it"
    if peak < least_bytes:
        return None, (
            f"{counter} of {human_bytes(peak)} is less than the {human_bytes(least_bytes)} of weights that"
            " each token reads: they were not mapped, or were dropped"
        )
    if previous is not None and peak == previous.rss_peak_bytes:
        return None, f"{counter} is equal to that of the pass before to the byte ({peak}): a stale counter"
    return peak, None


def _samples(log: RunLog, said: Memory) -> tuple[tuple[float, int], ...]:
    began = log.start.t_ns if log.start else 0
    return tuple((max(0, at - began) / 1e9, rss) for at, rss in said.samples)


def no_memory(reason: str, generate: int) -> CellMemory:
    """Return the memory of a pass that gave none, and why."""
    return CellMemory(
        counter=MEMORY_COUNTER,
        rss_peak_bytes=None,
        rss_anon_peak_bytes=None,
        weights_bytes=None,
        kv_bytes=None,
        workspace_bytes=None,
        reason=reason,
        generate=generate,
        swap_bytes=None,
        major_faults=None,
    )
