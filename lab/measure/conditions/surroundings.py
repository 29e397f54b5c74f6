"""Where a repetition stands in its session, and the device around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab.formats.run_record import GateResult, Repetition
from lab.measure.conditions.gates import Gate
from lab.measure.conditions.quota import quota_block


@dataclass(frozen=True)
class Surroundings:
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
            extra={
                **({"device_log": list(self.log)} if self.log else {}),
                **quota_block(self.before, self.during, self.after),
            },
        )


def gate_result(gate: Gate) -> GateResult:
    """Return the gate as records hold it."""
    seen = {
        "busy_fraction": gate.busy_fraction,
        "die_temp_c": gate.die_temp_c,
        "unmeasured": list(gate.unmeasured),
    }
    return GateResult(gate.kept, gate.waited_s, gate.reason, extra=seen)
