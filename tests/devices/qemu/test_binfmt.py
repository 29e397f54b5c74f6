"""The kernel's rule for arm64 programs: found, made where there is none, and refused where it would not do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.core.errors import DeviceError
from lab.core.proc import run
from lab.devices.qemu import phone
from tests.devices import emulated

# A user namespace has rules of its own since Linux 6.7, so the machine's stay as they are.
OWN_RULES = ["unshare", "--user", "--map-root-user", "--mount"]
MAKE_A_RULE = """
import subprocess, sys
from lab.devices.qemu.phone import RULES, ensure_rule
subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(RULES)], check=True)
assert not list(RULES.glob("qemu-aarch64*"))
print(ensure_rule().name, ensure_rule().name)
"""


def rule(folder: Path, *, enabled: bool = True, flags: str = "POF") -> None:
    state = "enabled" if enabled else "disabled"
    text = f"{state}\ninterpreter /usr/bin/qemu-aarch64-static\nflags: {flags}\noffset 0\nmagic 7f454c46\n"
    (folder / "qemu-aarch64").write_text(text)


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(phone, "RULES", tmp_path)
    monkeypatch.setattr(phone, "LINES", (tmp_path / "none.conf",))
    return tmp_path


def test_a_rule_that_is_there_is_taken(rules: Path) -> None:
    rule(rules)
    assert phone.ensure_rule().name.startswith("qemu-aarch64")


def test_a_rule_that_ends_at_the_root_folder_is_refused(rules: Path) -> None:
    rule(rules, flags="PO")
    with pytest.raises(DeviceError, match="no flag F") as caught:
        phone.ensure_rule()
    assert "echo -1 >" in str(caught.value.hint)


def test_without_qemu_user_it_says_what_to_install(rules: Path) -> None:
    rule(rules, enabled=False)
    with pytest.raises(DeviceError, match="qemu-user-static is not installed") as caught:
        phone.ensure_rule()
    assert "apt-get install qemu-user-static" in str(caught.value.hint)


def test_a_kernel_that_refuses_is_told(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (rules / "qemu-aarch64.conf").write_text(":a rule")
    (rules / "register").mkdir()
    monkeypatch.setattr(phone, "LINES", (rules / "qemu-aarch64.conf",))
    with pytest.raises(DeviceError, match=r"could not be made: .*Is a directory"):
        phone.ensure_rule()


def test_the_kernel_takes_the_rule_that_debian_has_ready() -> None:
    emulated.program("qemu-aarch64-static")
    done = run([*OWN_RULES, sys.executable, "-c", MAKE_A_RULE], timeout_s=60)
    assert (done.code, done.stdout) == (0, "qemu-aarch64-static qemu-aarch64-static\n"), done.stderr
