"""A device that is lost, hangs, or runs out of something in the middle of a session, on real daemons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lab import store
from lab.core.errors import DeviceUnreachableError
from lab.formats.run_record import RunRecord
from tests.devices.faults.bench import Bench, rows
from tests.devices.faults.ways import Way

pytestmark = pytest.mark.slow

GONE = 'for i in $(seq 100); do kill -0 {pid} 2>/dev/null || exit 0; sleep 0.1; done; echo "it is still there"'


@pytest.fixture
def bench(way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAB_LOCKS", str(tmp_path / "locks"))
    way.proxy.forget()
    return Bench(tmp_path, way.target, way.connect, way.shell)


def stored() -> RunRecord:
    return store.load(store.find("latest"))


def lose(bench: Bench, cause: Callable[[], None]) -> tuple[str, list[int]]:
    """Lose the device in the second repetition; return the error's text and the runner's process id."""
    pids: list[int] = []

    def then(pid: int) -> None:
        pids.append(pid)
        cause()

    with pytest.raises(DeviceUnreachableError) as caught:
        bench.run("talk", then=then)
    assert caught.value.exit_code == 4
    return caught.value.what, pids


def assert_lost(record: RunRecord, reason: str) -> None:
    """What was measured before is kept, what was cut is a row of the device's, and the reason is told."""
    assert (record.status, record.reason) == ("failed", reason)
    assert [row.status for row in rows(record)] == ["ok", "failed"]
    assert rows(record)[1].reason == reason
    assert rows(record)[1].by_device is True


def test_a_connection_that_is_cut(bench: Bench, way: Way) -> None:
    reason, (pid,) = lose(bench, way.proxy.cut)
    assert_lost(stored(), reason)
    assert reason.endswith("; it answers again")
    assert way.ask(GONE.format(pid=pid)) == ""
    assert bench.run().status == "ok"


def test_a_device_that_stays_away(bench: Bench, way: Way) -> None:
    def cut() -> None:
        way.proxy.stop_accepting()
        way.proxy.cut()

    reason, (pid,) = lose(bench, cut)
    assert_lost(stored(), reason)
    assert "answers again" not in reason
    assert way.ask(GONE.format(pid=pid)) == ""
    way.proxy.accept_again()


@pytest.mark.parametrize("way", ["adb"], indirect=True)
def test_an_adb_server_that_is_killed(bench: Bench, way: Way) -> None:
    assert way.kill_server is not None
    reason, (pid,) = lose(bench, way.kill_server)
    assert_lost(stored(), reason)
    assert "adb server" in reason
    assert way.ask(GONE.format(pid=pid)) == ""
    assert bench.run().status == "ok"


def test_a_command_that_is_stopped(bench: Bench, way: Way) -> None:
    pids: list[int] = []

    def then(pid: int) -> None:
        pids.append(pid)
        way.ask(f"kill -STOP {pid}")

    record = bench.run("talk", then=then, timeout_s=3.0)
    assert [row.status for row in rows(record)] == ["ok", "failed"]
    assert rows(record)[1].reason == "no end within 3 s"
    assert rows(record)[1].by_device is True
    assert way.ask(GONE.format(pid=pids[0])) == ""


def test_a_runner_that_is_killed(bench: Bench, way: Way) -> None:
    record = bench.run("talk", then=lambda pid: way.ask(f"kill -KILL {pid}") and None)
    assert [row.status for row in rows(record)] == ["ok", "failed"]
    assert rows(record)[1].reason == "killed by SIGKILL"
    assert rows(record)[1].by_device is True
