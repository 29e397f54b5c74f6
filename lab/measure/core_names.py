"""Names of the cores of a device whose kernel gives numbers only, as arm64 kernels do; the runner knows them."""

from __future__ import annotations

from typing import Any

from lab.devices.base import Device
from lab.measure.runner.ask import ask
from lab.measure.runner.invocation import Placed
from lab.ondevice.events import Info


def with_core_names(device: Device, placed: Placed, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts with the names that the runner gives its cores, where they are numbers."""
    if not str(facts.get("cpu_model")).startswith("arm 0x"):
        return facts
    said, _ = ask(device, placed.info(), placed.env, Info)
    return facts if said is None or not said.cpu_model else {**facts, "cpu_model": said.cpu_model}
