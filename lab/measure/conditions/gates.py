"""The conditions of a repetition: a gate that waits for a quiet and cool device, and the states around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab.core.units import percent
from lab.devices.base import Device
from lab.formats.run_record import GateResult, Repetition
from lab.measure.conditions.quota import cpu_quota
from lab.measure.conditions.samplers import Clock
from lab.measure.plan import Plan

POLL_S = 0.5


@dataclass(frozen=True)
class Gate:
    """How the wait ended: `reason` says why it was not kept, `unmeasured` what the device can't tell."""

    kept: bool
    waited_s: float
    reason: str | None
    busy_fraction: float | None
    die_temp_c: float | None
    unmeasured: tuple[str, ...]


def wait_until_quiet(
    device: Device, plan: Plan, clock: Clock, tell: Callable[[str], None] = lambda text: None
) -> tuple[Gate, dict[str, Any]]:
    """Wait until load and heat are under the plan's limits; return the outcome and the last state.

    While it waits, `tell` is told why, and at the end an empty text.

    After `plan.measure.gate_timeout_s` seconds the repetition goes on with the gate marked as not kept. A load that
    can't be read is not kept either; heat that can't be read is named in `unmeasured`.
    """
    began = clock.now()
    while True:
        state = device.state()
        hopeless = state.get("busy_fraction") is None
        reason = _why_not(state, plan)
        waited_s = clock.now() - began
        if reason is None or hopeless or waited_s >= plan.measure.gate_timeout_s:
            tell("")
            return _outcome(state, reason, waited_s), state
        tell(f"{_why_waiting(state, plan)}, waiting up to {plan.measure.gate_timeout_s - waited_s:.0f} s")
        clock.sleep(min(POLL_S, plan.measure.gate_timeout_s - waited_s))


def _why_not(state: dict[str, Any], plan: Plan) -> str | None:
    busy, steal, heat = state.get("busy_fraction"), state.get("steal_fraction"), state.get("die_temp_c")
    if busy is None:
        return "the load of this device can't be read"
    if busy + (steal or 0.0) > plan.measure.max_busy:
        stolen = f" and {percent(steal, 0)} taken by its host" if steal else ""
        return f"the CPU was {percent(busy, 0)} busy with other work{stolen} (limit {percent(plan.measure.max_busy)})"
    if heat is not None and heat > plan.max_temp_c:
        return f"{state.get('die_zone')} was at {heat:.0f} °C (limit {plan.max_temp_c:.0f} °C)"
    return None


def _why_waiting(state: dict[str, Any], plan: Plan) -> str:
    busy = (state.get("busy_fraction") or 0.0) + (state.get("steal_fraction") or 0.0)
    if busy > plan.measure.max_busy:
        return f"CPU {percent(busy, 0)} busy (limit {percent(plan.measure.max_busy, 0)})"
    return f"{state.get('die_zone')} at {state.get('die_temp_c'):.0f} °C (limit {plan.max_temp_c:.0f} °C)"


def _outcome(state: dict[str, Any], reason: str | None, waited_s: float) -> Gate:
    values = {"busy_fraction": state.get("busy_fraction"), "die_temp_c": state.get("die_temp_c")}
    unmeasured = tuple(name for name, value in values.items() if value is None)
    return Gate(reason is None, round(waited_s, 3), reason, **values, unmeasured=unmeasured)


@dataclass(frozen=True)
class Conditions:
    """`index` counts within cell and engine, `order` within the session; states are those of the device.

    `bandwidth` is what memory gave right before and right after, in bytes/s, pass by pass; `log` is what the device's
    own log said when the repetition failed.
    """

    index: int
    order: int
    gate: Gate
    before: dict[str, Any]
    bandwidth: tuple[float, ...] = ()
    during: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    log: Sequence[str] = ()

    def bare(self) -> Repetition:
        """Return a repetition that knows its surroundings and nothing else."""
        return Repetition(
            index=self.index,
            order=self.order,
            status="ok",
            gate=gate_result(self.gate),
            state_before=self.before,
            state_during=self.during,
            state_after=self.after,
            bandwidth_bytes_per_s=self.bandwidth or None,
            device_log=tuple(self.log) or None,
            cpu_quota=cpu_quota(self.before, self.during, self.after),
        )


def gate_result(gate: Gate) -> GateResult:
    """Return the gate as records hold it."""
    return GateResult(**asdict(gate))
