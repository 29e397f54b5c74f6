"""Questions that hang: a phone is used without their answers, and they cost a bounded time in all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.devices.remote import reading
from tests.devices.shell_link import ShellLink, shell_device

GETPROP = 'if [ $# -gt 0 ]; then echo SERIAL1; else echo "[ro.product.model]: [Example 9]"; fi'
BATTERY = "  status: 2\\n  level: 87\\n  scale: 100\\n  temperature: 285\\n"
THERMAL = "Thermal Status: 1\\n"
DUMPSYS = """echo "$1" >> {log}
case $1 in
  battery) {battery} ;;
  thermalservice) {thermal} ;;
  *) echo "GLES: Arm, Mali-G715, OpenGL ES 3.2" ;;
esac"""
Phone = Callable[..., ShellLink]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOGETHER_S", "SENSORS_S"):
        monkeypatch.setattr(reading, name, 1.5)
    monkeypatch.setattr(reading, "APART_S", 0.7)


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    """A link to a host whose programs make it a phone; what hangs is a program that sleeps."""

    def make(battery: str = f"printf '{BATTERY}'", thermal: str = f"printf '{THERMAL}'", **programs: str) -> ShellLink:
        dumpsys = DUMPSYS.format(log=tmp_path / "asked", battery=battery, thermal=thermal)
        for name, text in {"getprop": GETPROP, "settings": "echo 1", "dumpsys": dumpsys, **programs}.items():
            path = tmp_path / "bin" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)
        return ShellLink(f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    return make


def asked(folder: Path) -> list[str]:
    return (folder / "asked").read_text().split()


def test_all_answers_come_with_one_command(phone: Phone, tmp_path: Path) -> None:
    link = phone()
    device = shell_device(tmp_path / "work", link)
    facts = device.facts()
    assert (facts["android"]["model"], facts["android"]["low_power"], facts["gpu"]["name"]) == (
        "Example 9",
        1,
        "Mali-G715",
    )
    before = len(link.commands)
    state = device.state(window_s=0)
    assert (state["battery"], state["battery_temp_c"], state["thermal_status"]) == (0.87, 28.5, 1)
    assert len(link.commands) == before + 2
    assert "unanswered" not in facts
    assert "unanswered" not in state


def test_a_dumpsys_that_hangs_is_null_with_its_reason_and_not_asked_again(phone: Phone, tmp_path: Path) -> None:
    device = shell_device(tmp_path / "work", phone(battery="exec sleep 4"))
    device.facts()
    for _ in range(3):
        state = device.state(window_s=0)
        assert (state["battery"], state["thermal_status"]) == (None, 1)
        assert state["unanswered"] == {"battery": "no answer within 0.7 s"}
        assert state["mem_available_bytes"] > 0
    assert asked(tmp_path).count("battery") == 2  # with the others, and then alone
    assert device.facts()["unanswered"] == state["unanswered"]
    device.close()


def test_nothing_of_android_that_answers_leaves_a_phone_usable(
    phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "TOGETHER_S", 0.2)
    monkeypatch.setattr(reading, "APART_S", 0.2)
    hang = "exec sleep 4"
    link = phone(hang, hang, getprop=f"case $1 in ro.serialno) echo S1 ;; *) {hang} ;; esac", settings=hang)
    device = shell_device(tmp_path / "work", link)
    facts, state = device.facts(), device.state(window_s=0)
    assert facts["mem_total_bytes"] > 0
    assert facts["unanswered"]["properties"] == "no answer within 0.2 s"
    assert (facts["android"]["model"], state["battery"]) == (None, None)
    device.close()


def test_one_by_one_they_have_a_budget(phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BUDGET_S", 0.5)
    device = shell_device(
        tmp_path / "work", phone(settings="exec sleep 4", getprop="echo; case $1 in '') sleep 4; esac")
    )
    reasons = device.facts()["unanswered"]
    assert reasons["properties"] == "no answer within 0.7 s"
    assert reasons["low_power"] == "not asked: others took too long"
    device.close()


def test_a_sensor_that_hangs_takes_nothing_but_the_sensors_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a zone is asking its driver: a fifo that nobody writes to hangs as such a one does."""
    os.mkfifo(tmp_path / "temp")
    monkeypatch.setattr(reading, "SENSOR_PATHS", (str(tmp_path / "temp"),))
    link = ShellLink()
    device = shell_device(tmp_path / "work", link)
    for _ in range(4):
        state = device.state(window_s=0)
        assert state["unanswered"] == {"sensors": "no answer within 1.5 s"}
        assert (state["temps"], state["mem_available_bytes"] > 0, state["load1"] is not None) == ([], True, True)
    assert sum(str(tmp_path / "temp") in one for one in link.commands) == reading.STALLS_MAX
    os.close(os.open(tmp_path / "temp", os.O_RDWR))  # which never waits: those who still read are let go
    device.close()
