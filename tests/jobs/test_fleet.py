"""Several targets at once, each a process; the processes here only say what they are told to."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from lab.formats.target import TargetSpec
from lab.formats.transports import DeviceSpec
from lab.jobs.fleet import member as member_module
from lab.jobs.fleet.member import Member
from lab.jobs.fleet.run import exit_code, run_fleet
from lab.views.progress.fleet import fleet_progress

# The process of a target: its words are the codes, and a name that it waits for or that it waits with.
FAKE = r"""
import json, os, signal, sys, time
from pathlib import Path
target, folder, code, wait_for = sys.argv[1:5]
def say(**fields): print(json.dumps(fields), file=sys.stderr, flush=True)
def stop(*_):
    say(note="kept what was measured")
    print(json.dumps({"stopped": target}))
    sys.exit(130)
signal.signal(signal.SIGINT, stop)
(Path(folder) / target).touch()
say(phase="measure", total=4, unit="repetitions")
say(advance=1)
while wait_for and not (Path(folder) / wait_for).exists():
    time.sleep(0.02)
(Path(folder) / (target + ".done")).touch()
if int(code):
    print("error: " + target + " went away", file=sys.stderr)
else:
    print(json.dumps({"run": target}))
sys.exit(int(code))
"""


@pytest.fixture(autouse=True)
def fake_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_module, "_ENTRY", FAKE)


def spec(name: str, transport: str) -> TargetSpec:
    return TargetSpec(schema=1, name=name, description="", device=DeviceSpec(transport=transport))  # type: ignore[arg-type]


def run(folder: Path, plan: dict[str, tuple[str, int, str]]) -> tuple[list[Member], bool]:
    """Run targets of (transport, exit code, the file they wait for)."""
    members = [Member(name) for name in plan]
    targets = {name: spec(name, transport) for name, (transport, _, _) in plan.items()}
    words = {name: [name, str(folder), str(code), wait] for name, (_, code, wait) in plan.items()}
    return members, run_fleet(members, targets, words.__getitem__, lambda: None)


def test_remote_targets_run_at_the_same_time(tmp_path: Path) -> None:
    """Each waits for the other to have begun, so one after the other would never end."""
    members, stopped = run(tmp_path, {"a": ("ssh", 0, "b"), "b": ("adb", 0, "a")})
    assert not stopped
    assert [member.documents for member in members] == [[{"run": "a"}], [{"run": "b"}]]
    assert exit_code(members) == 0


def test_targets_of_one_device_are_measured_one_after_the_other(tmp_path: Path) -> None:
    """The CPU and the GPU of the only phone; another device goes on beside them."""
    began: dict[str, set[str]] = {}
    plan = {"cpu": ("adb", 0, ""), "gpu": ("adb", 0, ""), "far": ("ssh", 0, "gpu.done")}
    members = [Member(name) for name in plan]
    targets = {name: spec(name, transport) for name, (transport, _, _) in plan.items()}

    def words(name: str) -> list[str]:
        began[name] = {path.stem for path in tmp_path.glob("*.done")}
        return [name, str(tmp_path), "0", plan[name][2]]

    run_fleet(members, targets, words, lambda: None)
    assert [member.code for member in members] == [0, 0, 0]
    assert began == {"cpu": set(), "gpu": {"cpu"}, "far": set()}


def test_this_machine_is_measured_alone_after_the_others(tmp_path: Path) -> None:
    began: list[set[str]] = []
    plan = {"here": ("local", 0, ""), "vm": ("qemu", 0, ""), "far": ("ssh", 0, "")}
    members = [Member(name) for name in plan]
    targets = {name: spec(name, transport) for name, (transport, _, _) in plan.items()}

    def words(name: str) -> list[str]:
        began.append({path.stem for path in tmp_path.glob("*.done")})
        return [name, str(tmp_path), "0", ""]

    run_fleet(members, targets, words, lambda: None)
    assert began == [set(), {"far"}, {"far", "here"}]


def test_one_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    members, _ = run(tmp_path, {"a": ("ssh", 4, ""), "b": ("adb", 0, "a.done")})
    assert [(member.code, member.phase) for member in members] == [(4, "failed"), (0, "done")]
    assert members[0].last_words == "a went away"
    assert exit_code(members) == 4


def test_one_that_could_not_be_built_is_not_started(tmp_path: Path) -> None:
    members = [Member("a"), Member("b")]
    members[0].fail("no compiler", 1)
    targets = {"b": spec("b", "ssh")}
    run_fleet(members, targets, lambda name: [name, str(tmp_path), "0", ""], lambda: None)
    assert [member.code for member in members] == [1, 0]
    assert not (tmp_path / "a").exists()


def test_ctrl_c_lets_each_keep_what_it_has(tmp_path: Path) -> None:
    def watch() -> None:
        while not ((tmp_path / "a").exists() and (tmp_path / "b").exists()):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=watch)
    thread.start()
    members, stopped = run(tmp_path, {"a": ("ssh", 0, "never"), "b": ("adb", 0, "never"), "c": ("local", 0, "")})
    thread.join()
    assert stopped
    assert [member.documents for member in members] == [[{"stopped": "a"}], [{"stopped": "b"}], []]
    assert {member.code for member in members} == {130}
    assert {member.phase for member in members} == {"stopped"}


@pytest.mark.parametrize(
    ("codes", "worst"), [([0, 0], 0), ([0, 1], 1), ([1, 4], 4), ([4, 70], 70), ([-9, 0], 70), ([5, 1], 1)]
)
def test_the_worst_code_counts(codes: list[int], worst: int) -> None:
    assert exit_code([Member("x", code=code) for code in codes]) == worst


def test_progress_is_followed() -> None:
    one = Member("a")
    for said in (
        {"phase": "push", "total": 10, "unit": "bytes"},
        {"advance": 4},
        {"advance": 3},
        {"note": "\x1b[2Jhi"},
    ):
        one.hear(json.dumps(said))
    one.hear("not json")
    assert (one.phase, one.done, one.total, one.unit) == ("push", 7, 10, "bytes")
    assert one.notes == ["[2Jhi", "not json"]


def test_a_target_that_was_stopped_is_not_said_to_have_failed(capsys: pytest.CaptureFixture[str]) -> None:
    one = Member("local")
    with fleet_progress(sys.stderr, [one]) as show:
        for one.phase in ("starting", "measure", "stopped"):
            show()
    assert capsys.readouterr().err.splitlines() == ["local: starting ...", "local: measure ..."]


def test_what_it_is_at_ends_with_its_phase() -> None:
    one = Member("a")
    for said in ({"phase": "measure"}, {"now": "CPU 45 % busy"}):
        one.hear(json.dumps(said))
    assert one.now == "CPU 45 % busy"
    one.hear(json.dumps({"phase": "memory pass"}))
    assert one.now == ""
