from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lab.formats.target import MeasureSpec
from lab.measure.conditions.gates import wait_until_quiet
from lab.measure.plan import Plan, cells_of
from tests.measure.samples import QUIET, FakeTime, ScriptedDevice

PLAN = Plan(cells_of(), max_temp_c=80.0, measure=MeasureSpec(gate_timeout_s=3.0, max_busy=0.3))
BUSY = {**QUIET, "busy_fraction": 0.9}


def states(*script: dict[str, Any]) -> Callable[[int], dict[str, Any]]:
    """Return the states one by one; the last one stays."""
    return lambda count: script[min(count, len(script)) - 1]


def test_a_quiet_device_is_not_waited_for() -> None:
    time = FakeTime()
    gate, state = wait_until_quiet(ScriptedDevice(), PLAN, time.clock)
    assert (gate.kept, gate.waited_s, gate.reason, gate.unmeasured) == (True, 0, None, ())
    assert state["busy_fraction"] == gate.busy_fraction == 0.02
    assert time.slept == []


def test_a_device_that_calms_down_is_waited_for() -> None:
    time = FakeTime()
    device = ScriptedDevice(states(BUSY, {**QUIET, "die_temp_c": 95.0}, QUIET))
    gate, _ = wait_until_quiet(device, PLAN, time.clock)
    assert (gate.kept, gate.waited_s) == (True, 1.0)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (BUSY, "the CPU was 90 % busy with other work (limit 30 %)"),
        (
            {**QUIET, "busy_fraction": 0.2, "steal_fraction": 0.2},
            "the CPU was 20 % busy with other work and 20 % taken by its host (limit 30 %)",
        ),
        ({**QUIET, "die_temp_c": 90.4}, "cpu-0 was at 90 °C (limit 80 °C)"),
    ],
)
def test_past_the_deadline_the_gate_is_marked(state: dict[str, Any], reason: str) -> None:
    time = FakeTime()
    gate, _ = wait_until_quiet(ScriptedDevice(states(state)), PLAN, time.clock)
    assert (gate.kept, gate.reason) == (False, reason)
    assert gate.waited_s == sum(time.slept) == 3.0


def test_without_patience_nothing_is_waited_for() -> None:
    time = FakeTime()
    gate, _ = wait_until_quiet(ScriptedDevice(states(BUSY)), PLAN.changed(gate_timeout_s=0.0), time.clock)
    assert (gate.kept, time.slept) == (False, [])


def test_heat_that_cannot_be_read_is_named() -> None:
    unknown = {**QUIET, "die_temp_c": None, "die_zone": None}
    gate, _ = wait_until_quiet(ScriptedDevice(states(unknown)), PLAN, FakeTime().clock)
    assert (gate.kept, gate.unmeasured) == (True, ("die_temp_c",))


def test_a_load_that_cannot_be_read_is_not_kept_and_not_waited_for() -> None:
    time = FakeTime()
    gate, _ = wait_until_quiet(ScriptedDevice(states({**QUIET, "busy_fraction": None})), PLAN, time.clock)
    assert (gate.kept, gate.reason) == (False, "the load of this device can't be read")
    assert (gate.unmeasured, time.slept) == (("busy_fraction",), [])


def test_whoever_waits_is_told_why_and_for_how_long() -> None:
    told: list[str] = []
    time = FakeTime()
    wait_until_quiet(ScriptedDevice(states(BUSY, BUSY, QUIET)), PLAN, time.clock, told.append)
    assert told[0] == "CPU 90 % busy (limit 30 %), waiting up to 3 s"
    assert len(told) == 3
    assert told[-1] == ""


def test_heat_is_told_with_its_zone() -> None:
    told: list[str] = []
    wait_until_quiet(ScriptedDevice(states({**QUIET, "die_temp_c": 90.4}, QUIET)), PLAN, FakeTime().clock, told.append)
    assert told[0] == "cpu-0 at 90 °C (limit 80 °C), waiting up to 3 s"


def test_nobody_is_told_of_a_device_that_is_quiet_at_once() -> None:
    told: list[str] = []
    wait_until_quiet(ScriptedDevice(), PLAN, FakeTime().clock, told.append)
    assert told == [""]
