"""`lab toolchain android` as a user types it, and what other commands say where there is no NDK."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab.ondevice.android import build
from lab.ondevice.android.ndk import COMPILER
from tests.cli.conftest import Lab
from tests.ondevice.android.planted import plant
from tests.ondevice.android.test_ndk import fill

VARIABLES = ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "ANDROID_HOME", "LAB_TVM_SOURCE")
RUN = ("--model", "phi3-mini-q4", "--layers", "2")


@pytest.fixture(autouse=True)
def no_ndk(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "words",
    [
        ("toolchain", "android"),
        ("run", "--target", "pixel8", *RUN),
        ("probe", "--target", "galaxy-s24"),
        ("verify", "--target", "pixel8", *RUN),
    ],
    ids=lambda words: " ".join(words[:3]),
)
def test_without_an_ndk_the_next_step_is_said_before_anything_is_done(
    lab: Lab, home: Path, words: tuple[str, ...]
) -> None:
    ran = lab(*words)
    assert (ran.code, ran.out) == (1, "")
    first, hint = ran.err.splitlines()
    assert first.startswith("error: no Android NDK: ANDROID_NDK_HOME, ANDROID_NDK_ROOT are not set")
    assert 'sdkmanager "ndk;27' in hint
    assert list(home.iterdir()) == []


def test_without_an_ndk_the_phones_targets_are_sound(lab: Lab) -> None:
    for name in ("pixel8", "galaxy-s24"):
        ran = lab("targets", "check", name, "--json")
        *others, last = ran.document["checks"]
        assert ran.code == 0
        assert {check["status"] for check in others} == {"passed"}
        assert (last["name"], last["status"]) == ("plug-in", "skipped")
        assert "no Android NDK" in last["detail"]
        assert "sdkmanager" in last["hint"]


def test_an_ndk_is_named_by_the_check_and_an_old_one_fails_it(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDROID_NDK_HOME", str(fill(tmp_path / "new")))
    assert "Android NDK 27.2.12479018, headers in" in lab("targets", "check", "pixel8").out
    monkeypatch.setenv("ANDROID_NDK_HOME", str(fill(tmp_path / "old", "21.4.7075529")))
    ran = lab("targets", "check", "pixel8", "--json")
    assert (ran.code, ran.document["checks"][-1]["status"]) == (1, "failed")
    assert "is NDK r21e (21.4.7075529), r25 or newer is needed" in ran.document["checks"][-1]["detail"]


def test_a_source_that_is_not_there_is_a_wrong_use(lab: Lab) -> None:
    ran = lab("toolchain", "android", "--tvm-source", "/nowhere")
    assert ran.code == 2
    assert "'/nowhere' does not exist" in ran.err


def test_the_folder_is_printed_and_the_document_is_its_manifest(
    lab: Lab, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = plant(tmp_path / "planted", monkeypatch)
    ndk = fill(tmp_path / "ndk")
    program = next(ndk.rglob(COMPILER))
    # Stands in for a compiler: an empty file for each that is asked for. What compilers make is tried elsewhere.
    program.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\n: > "$2"\n')
    program.chmod(0o755)
    monkeypatch.setattr(build, "_check", lambda *args: None)
    monkeypatch.setenv("ANDROID_NDK_HOME", str(ndk))
    ran = lab("toolchain", "android", "--tvm-source", str(planted.tree))
    assert ran.code == 0, ran.err
    folder = Path(ran.out.strip())
    assert folder.parent == home / "compiled" / "toolchain"
    document = lab("toolchain", "android", "--json").document
    assert document["folder"] == str(folder)
    assert document["manifest"]["kind"] == "toolchain"
    listed = lab("clean", "--bundles", "--json").document
    assert [one["kind"] for one in listed["folders"]] == ["toolchain"]


def wait_until_asleep(pid: int) -> None:
    """Wait until the process waits for its compiler, which has begun by now."""
    while "\nState:\tS" not in Path(f"/proc/{pid}/status").read_text():
        os.sched_yield()


def test_ctrl_c_leaves_nothing_half_built(home: Path, tmp_path: Path) -> None:
    """A real process, whose compiler says through a pipe that it has begun, and then goes on for ever."""
    ndk, begun = fill(tmp_path / "ndk"), tmp_path / "begun"
    os.mkfifo(begun)
    program = next(ndk.rglob(COMPILER))
    program.write_text(f"#!/bin/sh\n: > half.o\necho $$ > {begun}\nexec sleep 600\n")
    program.chmod(0o755)
    tree = "from lab.ondevice.android import build, tvm_source; from lab.ondevice.wheels import find_wheels\n"
    code = tree + "build.tvm_source = lambda *args: find_wheels().tvm\nfrom lab.cli.main import entry; entry()"
    env = {**os.environ, "ANDROID_NDK_HOME": str(ndk), "LAB_HOME": str(home)}
    argv = [sys.executable, "-c", code, "toolchain", "android"]
    with subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True) as process:
        compiler = int(begun.read_text())
        wait_until_asleep(process.pid)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "nothing half-made is left" in said
    assert list((home / "compiled" / "toolchain").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(compiler, 0)
