"""Accounts on a real sshd that print, read or refuse, beside or in place of what was asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lab.core.errors import BusyError, DeviceError, LabError
from lab.devices import marked
from lab.devices.link import Access
from lab.devices.marked import MarkedLink
from lab.devices.registry import connect
from lab.devices.remote.device import RemoteDevice
from tests.devices.kinds import home
from tests.devices.peers.programs import program
from tests.devices.peers.sshd import Sshd
from tests.devices.ssh.conftest import target

CASES = Path(__file__).parents[2] / "cases" / "devices"
BANNER = (CASES / "bashrc_banner").read_text()
DATA = b"\0\r\n" + os.urandom(70_000) + b"42\nno end of line"


@contextmanager
def account(folder: Path, force: str, files: dict[str, str]) -> Iterator[tuple[Sshd, RemoteDevice]]:
    """The device behind an account with these files in its home folder, where each command goes to `force`."""
    with Sshd(folder / "sshd", options={"ForceCommand": force}) as server, home(server.home):
        for name, text in files.items():
            path = server.remote_home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        spec = target(host=server.host, port=server.port)
        with closing(RemoteDevice(spec, lambda: connect(spec, Access()), sleep=lambda seconds: None)) as device:
            yield server, device


def does_all(device: RemoteDevice, folder: Path) -> None:
    """Push, pull, run, claim and ask: each answer is the command's own."""
    sent, back = folder / "sent.bin", folder / "back.bin"
    sent.write_bytes(DATA)
    there = device.push(sent, "data/sent.bin")
    device.pull(there, back)
    assert back.read_bytes() == DATA
    lines: list[str] = []
    done = device.run(["sh", "-c", "echo one; printf two; echo three >&2; exit 7"], timeout_s=60, on_line=lines.append)
    assert (done.code, lines, done.stderr) == (7, ["one", "two"], "three\n")
    with device.claim("me, here"):
        pass
    assert device.stored() == [(Path(there).readlink().name, len(DATA))]
    assert device.facts()["cores"] >= 1


STAYS = 'bash -c "$SSH_ORIGINAL_COMMAND"'
BASH = f"exec {STAYS}"
ACCOUNTS = {
    "bash": (BASH, {".bashrc": BANNER}),
    "a number": (BASH, {".bashrc": "echo 42\n"}),
    "megabytes": (BASH, {".bashrc": "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2\n"}),
    "at the end": (f"{STAYS}; echo bye", {".bashrc": BANNER + "trap 'echo 43; echo out >&2' EXIT\n"}),
    "bash_logout": ('exec bash -lc "$SSH_ORIGINAL_COMMAND"', {".bash_profile": BANNER, ".bash_logout": "echo bye\n"}),
    "reads input": (BASH, {".bashrc": "read -r -t 0.02 line; echo $line\n"}),
    "traces": (BASH, {".bashrc": "set -vx\n"}),
    "variables": (BASH, {".bashrc": "set -eu; export POSIXLY_CORRECT=1 CDPATH=/tmp:/; cd /\n"}),
    "tcsh": (f'exec {program("tcsh", "tcsh")} -c "$SSH_ORIGINAL_COMMAND"', {".tcshrc": "echo 42\n"}),
    "fish": (f'exec {program("fish", "fish")} -c "$SSH_ORIGINAL_COMMAND"', {".config/fish/config.fish": "echo 42\n"}),
    "repeats the command": ('echo "Running: $SSH_ORIGINAL_COMMAND"; ' + BASH, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", ACCOUNTS)
def test_what_an_account_prints_is_no_answer(tmp_path: Path, name: str) -> None:
    force, files = ACCOUNTS[name]
    with account(tmp_path, force, files) as (_, device):
        does_all(device, tmp_path)


def test_a_line_of_digits_is_never_signalled(tmp_path: Path) -> None:
    """A program that runs past its time is killed by its own process id, which a banner can't tell."""
    innocent = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "60")
    try:
        with account(tmp_path, BASH, {".bashrc": f"echo {innocent}\n"}) as (_, device):
            with pytest.raises(LabError, match="no end within 1 s"):
                device.run(["sleep", "50"], timeout_s=1)
            assert os.waitpid(innocent, os.WNOHANG) == (0, 0)
    finally:
        os.kill(innocent, 9)
        os.waitpid(innocent, 0)


def test_who_holds_the_lock_is_told_behind_a_banner(tmp_path: Path) -> None:
    with account(tmp_path, BASH, {".bashrc": "echo held\n"}) as (_, device):
        other = RemoteDevice(device._target, device._connect)
        with (
            closing(other),
            device.claim("the upheld lab, me@there"),
            pytest.raises(BusyError, match="in use by the upheld lab"),
            other.claim("somebody, else"),
        ):
            pass


NO_SHELL = {
    "nologin": ("exec /usr/sbin/nologin", {}, "This account is currently not available."),
    "git-shell": ("echo \"fatal: unrecognized command 'exec sh'\" >&2; exit 128", {}, "fatal: unrecognized command"),
    "cmd.exe": ("echo \"'exec' is not recognized as a command,\" >&2; exit 1", {}, "'exec' is not recognized"),
    "PowerShell": (f"exec sh {CASES / 'shell_powershell.sh'}", {}, "exec: The term 'exec' is not recognized"),
    "forced command": (f"exec sh {CASES / 'shell_forced_command.sh'}", {}, "Only backups allowed here"),
    "a shell that is missing": ("exec /opt/missing/zsh", {}, "/opt/missing/zsh: No such file or directory"),
    "a menu": ("echo; echo '   '; echo '1) Ports  2) Logout'; read choice", {}, r"1\) Ports"),
    "a program in place of the shell": (BASH, {".bashrc": "echo hello; exec cat\n"}, "hello"),
    "nothing": ("exit 0", {}, "it printed nothing, exit code 0"),
    "control characters": ("printf '\\033]52;c;aGk=\\007no\\n'; exit 1", {}, r"\]52;c;aGk=no"),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_SHELL)
def test_an_account_without_a_posix_shell_is_quoted(tmp_path: Path, name: str) -> None:
    force, files, says = NO_SHELL[name]
    with account(tmp_path, force, files) as (_, device):
        with pytest.raises(DeviceError, match=f"^[^ ]+: this account gives no POSIX shell: .*{says}") as refused:
            device.facts()
        assert refused.value.what.isprintable()
        assert "[ssh].user" in str(refused.value.hint)


def test_a_menu_that_waits_is_quoted(tmp_path: Path) -> None:
    with account(tmp_path, "echo 'Switch 2960>'; exec sleep 50", {}) as (server, _):
        link = MarkedLink(connect(target(host=server.host, port=server.port), Access()), "board")
        with closing(link), pytest.raises(LabError, match=r"gives no POSIX shell: it printed 'Switch 2960>'"):
            link.execute("true", timeout_s=1)


def test_a_program_left_behind_that_holds_the_output_is_told(tmp_path: Path) -> None:
    with account(tmp_path, BASH, {".bashrc": "sleep 3 &\n"}) as (server, _):
        link = MarkedLink(connect(target(host=server.host, port=server.port), Access()), "board")
        with closing(link), pytest.raises(LabError, match="it ended, but a program that a login file left running"):
            link.execute("true", timeout_s=1)


def test_both_streams_in_one(tmp_path: Path) -> None:
    sent, back = tmp_path / "sent.bin", tmp_path / "back.bin"
    sent.write_bytes(DATA)
    with account(tmp_path, BASH, {".bashrc": "exec 2>&1; echo hello >&2\n"}) as (_, device):
        device.pull(device.push(sent, "sent.bin"), back)
        assert device.run(["sh", "-c", "echo out; exit 3"], timeout_s=60).stdout == "out\n"
    assert back.read_bytes() == DATA


def test_login_files_that_wait_for_input_do_not_get_what_is_pushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marked, "BEGIN_S", 0.5)
    with account(tmp_path, BASH, {".bashrc": "echo Your name?; read -r line\n"}) as (_, device):
        sent = tmp_path / "sent.bin"
        sent.write_bytes(DATA)
        with pytest.raises(DeviceError, match=r"it printed 'Your name\?' and then waited for input"):
            device.push(sent, "sent.bin")
