"""A device that fails in the middle of a session, and one whose memory can't be counted."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from lab import store
from lab.core.errors import BusyError, DeviceUnreachableError
from lab.formats.run_record import Pushed, RunRecord
from tests.measure.bench import Bench
from tests.measure.samples import QUIET, ScriptedDevice

LOG = ["Out of memory: Killed process 4711 (lab-bench)"]


class LoggingDevice(ScriptedDevice):
    """A device with a log of its own, to which things are sent."""

    def forensics(self) -> list[str]:
        return LOG

    def pushed(self) -> dict[str, Any]:  # type: ignore[override]
        return {"sent_bytes": 7, "kept_bytes": 0, "send_s": 0.5}


class GoneAfterRun(LoggingDevice):
    """It reboots when the first timed process has just ended."""

    def run(self, argv: Any, **options: Any) -> Any:
        self.ran = self.ran or "run" in argv
        return super().run(argv, **options)

    def state(self, *, window_s: float = 0.2) -> dict[str, Any]:
        if self.ran and window_s == 0:
            raise DeviceUnreachableError("bench: the connection was lost; it has rebooted since")
        return dict(QUIET)

    ran = False


def stored() -> RunRecord:
    return store.load(store.find("latest"))


def test_a_process_that_is_killed_leaves_what_the_device_says_of_it(bench: Bench) -> None:
    bench.device, bench.faults = LoggingDevice(), {"1": "sigkill"}
    rows = bench.run(repeats=2).cells[0].repetitions
    assert [row.status for row in rows] == ["ok", "failed"]
    assert rows[1].device_log == tuple(LOG)
    assert rows[0].device_log is None


def test_the_record_says_what_was_sent(bench: Bench) -> None:
    assert bench.run().pushed is None
    bench.device = LoggingDevice()
    assert bench.run().pushed == Pushed(sent_bytes=7, kept_bytes=0, send_s=0.5)


def test_a_repetition_that_was_whole_when_the_device_went_is_kept(bench: Bench) -> None:
    bench.device = GoneAfterRun()
    with pytest.raises(DeviceUnreachableError):
        bench.run()
    record = stored()
    assert (record.status, record.reason) == ("failed", "bench: the connection was lost; it has rebooted since")
    assert record.cells[0].repetitions[0].decode_tok_per_s == pytest.approx(50.0)


def test_memory_under_qemu_user_is_refused(bench: Bench) -> None:
    bench.device = ScriptedDevice(facts={"emulator": "qemu-user 7.2.22"})
    record = bench.run()
    cell = record.cells[0]
    assert cell.memory is not None
    assert cell.memory.rss_peak_bytes is None
    assert "qemu-user counts its own memory" in cell.memory.reason
    assert {(row.rss_peak_bytes, row.rss_peak_counter) for row in cell.repetitions} == {(None, None)}


def test_memory_of_an_emulated_machine_is_its_own(bench: Bench) -> None:
    bench.device = ScriptedDevice(facts={"emulator": "qemu-system-aarch64 7.2.22 (TCG)"})
    memory = bench.run().cells[0].memory
    assert memory is not None
    assert memory.rss_peak_bytes is not None


def test_a_device_that_another_host_holds_is_left_alone(bench: Bench) -> None:
    held: list[str] = []

    class Held(ScriptedDevice):
        def claim(self, holder: str) -> AbstractContextManager[None]:
            return refuse(holder)

    @contextmanager
    def refuse(holder: str) -> Any:
        held.append(holder)
        raise BusyError("bench is in use by pid 1 (somebody)")
        yield

    bench.device = Held()
    with pytest.raises(BusyError, match="somebody"):
        bench.run()
    assert bench.calls() == []
    assert "pid " in held[0]


def test_cores_that_are_numbers_get_the_names_that_the_runner_knows(bench: Bench) -> None:
    bench.device = ScriptedDevice(facts={"cpu_model": "arm 0x41/0xd0b"})
    assert bench.run().device.facts["cpu_model"] == "Example 9000"
    bench.device = ScriptedDevice(facts={"cpu_model": "A name"})
    assert bench.run().device.facts["cpu_model"] == "A name"
