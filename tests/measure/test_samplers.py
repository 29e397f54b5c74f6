from __future__ import annotations

import threading
from typing import Any

import pytest

from lab.core.errors import DeviceUnreachableError
from lab.measure.conditions.samplers import StateSampler, busy_clock_mhz
from tests.measure.samples import ScriptedDevice


class CountingDevice(ScriptedDevice):
    """Counts how often it is read, and can vanish."""

    def __init__(self, enough: int, vanish_at: int | None = None) -> None:
        super().__init__()
        self.reads = 0
        self.reached = threading.Event()
        self._enough, self._vanish_at = enough, vanish_at

    def state(self, *, window_s: float = 0.2) -> dict[str, Any]:
        assert window_s == 0  # never waits inside a timed run
        self.reads += 1
        if self.reads >= self._enough:
            self.reached.set()
        if self.reads == self._vanish_at:
            raise DeviceUnreachableError("gone")
        time = {"busy": 1.0 * self.reads, "idle": 3.0 * self.reads, "steal": 0.0}
        return {"cpu_mhz": [1000.0 + self.reads, 500.0], "die_temp_c": 40.0, "cpu_time_s": time}


def test_it_samples_from_enter_to_exit_and_no_more() -> None:
    device = CountingDevice(enough=3)
    with StateSampler(device, 0.1, threads=1) as sampler:
        assert device.reached.wait(30)
    reads = device.reads
    series = sampler.series()
    assert series is not None
    assert len(series["t_s"]) == len(series["cpu_mhz"]) == reads >= 3
    assert series["cpu_mhz"][:2] == [1001.0, 1002.0]
    assert series["busy_fraction"] == 0.25
    assert series["mem_available_bytes"] == [None] * reads
    assert "lab-state-sampler" not in {thread.name for thread in threading.enumerate()}


def test_what_only_a_mac_tells_is_kept_where_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    device = CountingDevice(enough=1)
    with StateSampler(device, 0.1, threads=1) as sampler:
        assert device.reached.wait(30)
    plain = sampler.series()
    assert plain is not None
    assert "thermal_pressure" not in plain
    told = {"thermal_pressure": "nominal", "speed_limit": None, "power_w": 9.5}
    monkeypatch.setattr(device, "state", lambda *, window_s: told)
    with StateSampler(device, 0.1, threads=1) as sampler:
        pass
    series = sampler.series()
    assert series is not None
    assert {name: series[name][0] for name in told} == told


def test_it_never_reads_more_often_than_every_100_ms() -> None:
    with StateSampler(CountingDevice(enough=1), 0.0, threads=1) as sampler:
        pass
    series = sampler.series()
    assert series is not None
    assert series["interval_s"] == 0.1


def test_a_device_that_vanishes_ends_the_samples_not_the_run() -> None:
    device = CountingDevice(enough=2, vanish_at=2)
    with StateSampler(device, 0.1, threads=1) as sampler:
        assert device.reached.wait(30)
    series = sampler.series()
    assert series is not None
    assert (len(series["t_s"]), series["stopped"]) == (1, "gone")


def test_the_clock_is_that_of_the_cores_at_work() -> None:
    state = {"cpu_mhz": [800.0, 3000.0, 2000.0]}
    assert busy_clock_mhz(state, 1) == 3000.0
    assert busy_clock_mhz(state, 2) == 2500.0
    assert busy_clock_mhz({"cpu_mhz": None}, 2) is None
    assert busy_clock_mhz({}, 2) is None
