"""A whole session on a Mac's tools: what is recorded of a device without /proc."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.devices.peers.mac import MacTools
from tests.devices.shell_link import ShellLink, shell_device
from tests.measure.bench import Bench


@pytest.fixture
def mac(bench: Bench, tmp_path: Path) -> MacTools:
    tools = MacTools(tmp_path / "bin")
    bench.device = shell_device(tmp_path / "work", ShellLink(str(tools.folder)))  # type: ignore[assignment]
    return tools


def test_a_session_on_a_mac_is_whole_and_says_what_it_ran_on(bench: Bench, mac: MacTools) -> None:
    bench.script["counters"] = {"VmHWM": None, "VmSwap": None, "phys_footprint": 9000, "phys_footprint_peak": 9500}
    record = bench.run()
    assert record.status == "ok"
    assert record.device.facts["gpu"] == {"name": "Apple M3", "cores": 10}
    (cell,) = record.cells
    row = cell.repetitions[0]
    assert (row.status, row.rss_peak_counter, row.rss_peak_bytes) == ("ok", "phys_footprint", 9500)
    assert row.state_before is not None
    assert row.state_during is not None
    assert (row.state_before["busy_fraction"], row.state_before["power_source"]) == (0.08, "battery")
    assert set(row.state_during["thermal_pressure"]) == {"nominal"}
    assert row.gate is not None
    assert row.gate.kept
    assert row.throttled is False
    assert mac.asked_for_proc == ""


def test_a_hot_mac_is_recorded_as_slowed_down(bench: Bench, mac: MacTools) -> None:
    (mac.folder / "notifyutil").write_text("#!/bin/sh\necho com.apple.system.thermalpressurelevel 2\n")
    row = bench.run().cells[0].repetitions[0]
    assert row.throttled is True
    assert row.throttled_reason == "thermal pressure was heavy"


def test_a_mac_that_kills_the_runner_says_why(bench: Bench, mac: MacTools) -> None:
    bench.faults["1"] = "sigkill"
    first, second = bench.run().cells[0].repetitions
    assert (first.status, second.status) == ("ok", "failed")
    assert "killing process 4711 [lab-bench]" in second.device_log[0]
