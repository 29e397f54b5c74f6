"""Watching a device while a repetition runs, and the clock that a session goes by, so that a test can replace it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from types import TracebackType
from typing import Any

from lab.core.errors import LabError
from lab.devices.base import Device
from lab.devices.readings.linux import load_between
from lab.measure.conditions.quota import quota_columns


@dataclass(frozen=True)
class Clock:
    """Monotonic seconds, and waiting for some."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


SOME_TELL = ("thermal_pressure", "speed_limit", "power_w")  # a Mac, which tells no clocks
MIN_INTERVAL_S = 0.1  # more often would cost the run that it watches


class StateSampler:
    """Reads the device's state every `interval_s` seconds, in a thread of its own, from enter to exit."""

    def __init__(self, device: Device, interval_s: float, threads: int, clock: Clock | None = None) -> None:
        self._device = device
        self._interval_s = max(MIN_INTERVAL_S, interval_s)
        self._threads = threads
        self._clock = clock or Clock()
        self._states: list[tuple[float, dict[str, Any]]] = []
        self._stopped: str | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lab-state-sampler", daemon=True)

    def __enter__(self) -> StateSampler:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def series(self) -> dict[str, Any] | None:
        """Return the samples as columns, and the load over all of them; None when there is none.

        `cpu_mhz` is the mean of as many of the fastest cores as the run has threads: idle cores tell nothing.
        """
        if not self._states:
            return None
        began, first = self._states[0]
        states = [state for _, state in self._states]
        return {
            "interval_s": self._interval_s,
            "stopped": self._stopped,
            **load_between(first, states[-1]),
            "t_s": [round(at - began, 3) for at, _ in self._states],
            "cpu_mhz": [busy_clock_mhz(state, self._threads) for state in states],
            "die_temp_c": [state.get("die_temp_c") for state in states],
            "mem_available_bytes": [state.get("mem_available_bytes") for state in states],
            "swap_used_bytes": [state.get("swap_used_bytes") for state in states],
            **{name: [state.get(name) for state in states] for name in SOME_TELL if name in first},
            **quota_columns(states),
        }

    def _watch(self) -> None:
        while True:
            try:
                self._states.append((self._clock.now(), self._device.state(window_s=0)))
            except (LabError, OSError) as problem:
                self._stopped = str(problem)
                return
            if self._done.wait(self._interval_s):
                return


def busy_clock_mhz(state: dict[str, Any], threads: int) -> float | None:
    """Return the mean MHz of the `threads` fastest cores of a state, or None where clocks are unknown."""
    clocks = state.get("cpu_mhz")
    return round(fmean(sorted(clocks, reverse=True)[:threads]), 1) if clocks else None
