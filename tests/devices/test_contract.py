"""What every device does, whatever is between it and us."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from lab.core.errors import BusyError, DeviceError
from lab.core.proc import CommandError
from lab.devices.base import Device
from tests.devices.kinds import Kind

HOSTILE = [
    "$(id)", "`id`", "; id", "&& id", "| id", "> /tmp/x", "a b", "'", '"', "'\"'\"'", "\\", "\\n", "*", "~", "$HOME",
    "${PATH}", "-rf", "--", "", "!!", "#", "%s", "é", "日本語", "\t", "a=b", "{a,b}", "[a]", "()", "\x07", "\x1b[31m",
]  # fmt: skip
SAY_EACH = ["sh", "-c", 'for word; do printf "<%s>\\n" "$word"; done', "sh"]
TIMEOUT_S = 60.0


def script(text: str) -> list[str]:
    return ["sh", "-c", text]


def test_run_gives_exit_code_and_both_outputs(device: Device) -> None:
    done = device.run(script("echo out; echo err >&2; exit 3"), timeout_s=TIMEOUT_S)
    assert (done.code, done.stdout, done.stderr) == (3, "out\n", "err\n")


@pytest.mark.parametrize("code", [0, 1, 2, 126, 127, 255])
def test_run_gives_each_exit_code(device: Device, code: int) -> None:
    assert device.run(script(f"exit {code}"), timeout_s=TIMEOUT_S).code == code


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_run_names_the_signal_that_killed(device: Device, number: int) -> None:
    assert device.run(script(f"kill -{number:d} $$; sleep 60"), timeout_s=TIMEOUT_S).code == -number


def test_no_shell_reads_the_words(device: Device) -> None:
    lines: list[str] = []
    device.run([*SAY_EACH, *HOSTILE], timeout_s=TIMEOUT_S, on_line=lines.append)
    assert lines == [f"<{word}>" for word in HOSTILE]


def test_no_shell_reads_the_environment(device: Device) -> None:
    env = {f"HOSTILE_{i}": word for i, word in enumerate(HOSTILE)}
    names = " ".join(f'"$HOSTILE_{i}"' for i in range(len(HOSTILE)))
    done = device.run(script(f'for word in {names}; do printf "<%s>\\n" "$word"; done'), timeout_s=TIMEOUT_S, env=env)
    assert done.stdout.split("\n")[:-1] == [f"<{word}>" for word in HOSTILE]


def test_a_word_across_lines_stays_one_word(device: Device) -> None:
    done = device.run([*SAY_EACH, "one\ntwo; id"], timeout_s=TIMEOUT_S)
    assert done.stdout == "<one\ntwo; id>\n"


def test_lines_come_while_the_program_runs(device: Device, tmp_path: Path) -> None:
    """The program waits for an answer to its first line, so a line that is held back would never come."""
    flag = device.push(_file(tmp_path / "flag", b"flag"), "flag") + ".seen"
    seen: list[str] = []

    def take(line: str) -> None:
        seen.append(line)
        if line == "first":
            device.run(["touch", flag], timeout_s=TIMEOUT_S)

    text = f"echo first; while [ ! -e {flag} ]; do sleep 0.1; done; echo second; rm {flag}"
    assert device.run(script(text), timeout_s=TIMEOUT_S, on_line=take).code == 0
    assert seen == ["first", "second"]


def test_state_can_be_read_while_a_program_runs(device: Device) -> None:
    states: list[object] = []

    def watch(line: str) -> None:
        worker = threading.Thread(target=lambda: states.append(device.state(window_s=0)["mem_available_bytes"]))
        worker.start()
        worker.join(30)

    device.run(script("echo now; sleep 0.2"), timeout_s=TIMEOUT_S, on_line=watch)
    assert len(states) == 1
    assert isinstance(states[0], int)


def test_past_its_time_the_program_and_its_children_are_gone(device: Device) -> None:
    pids: list[str] = []
    with pytest.raises(CommandError, match="within 2 s"):
        device.run(script("sleep 600 & echo $!; echo $$; wait"), timeout_s=2, on_line=pids.append)
    assert len(pids) == 2
    assert all(is_gone(device, pid) for pid in pids)


def test_ctrl_c_lets_a_program_say_its_last_words(device: Device) -> None:
    lines: list[str] = []

    def take(line: str) -> None:
        lines.append(line)
        if line.isdigit():
            os.kill(os.getpid(), signal.SIGINT)

    text = "trap 'echo last words; exit 0' TERM; echo $$; while :; do sleep 0.1; done"
    with pytest.raises(KeyboardInterrupt):
        device.run(script(text), timeout_s=TIMEOUT_S, on_line=take)
    assert lines[1:] == ["last words"]
    assert is_gone(device, lines[0])


def test_a_reader_that_fails_ends_the_program(device: Device) -> None:
    pids: list[str] = []

    def take(line: str) -> None:
        pids.append(line)
        raise RuntimeError("cannot read this")

    with pytest.raises(RuntimeError, match="cannot read this"):
        device.run(script("echo $$; exec sleep 600"), timeout_s=TIMEOUT_S, on_line=take)
    assert is_gone(device, pids[0])


def test_noise_on_standard_output_is_text(device: Device) -> None:
    lines: list[str] = []
    device.run(script(r"printf '\377\376\000ok\n'"), timeout_s=TIMEOUT_S, on_line=lines.append)
    assert lines == ["��\x00ok"]


def test_a_program_that_is_not_there(device: Device) -> None:
    """A shell says so with its code; where there is none, starting it is the error."""
    try:
        code = device.run(["/nonexistent/lab-bench"], timeout_s=TIMEOUT_S).code
    except CommandError as problem:
        code = problem.completed.code
    assert code in (126, 127)


def test_a_file_comes_back_as_it_went(device: Device, tmp_path: Path) -> None:
    data = os.urandom(300_001) + b"\r\n\x00\xff"
    there = device.push(_file(tmp_path / "data.bin", data), "data/data.bin")
    device.pull(there, tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == data


def test_a_folder_keeps_its_names_and_can_be_run(device: Device, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    _file(folder / "inner" / "note.txt", b"a note\n")
    program = _file(folder / "say", b"echo said; cat inner/note.txt\n")
    program.chmod(0o755)
    there = device.push(folder, "bundle/one")
    done = device.run(script(f"cd {there} && [ -x say ] && sh ./say"), timeout_s=TIMEOUT_S)
    assert (done.code, done.stdout) == (0, "said\na note\n")


def test_an_empty_file_arrives(device: Device, tmp_path: Path) -> None:
    there = device.push(_file(tmp_path / "empty", b""), "empty")
    assert device.run(["sh", "-c", '[ -f "$1" ] && [ ! -s "$1" ]', "sh", there], timeout_s=TIMEOUT_S).code == 0


def test_nothing_is_sent_twice(device: Device, kind: Kind, tmp_path: Path) -> None:
    data = _file(tmp_path / "model.bin", os.urandom(200_000))
    device.push(data, "one/model.bin")
    before = device.pushed()
    device.push(data, "two/model.bin")
    after = device.pushed()
    if not kind.remote:
        assert (before, after) == (None, None)
        return
    assert before is not None
    assert after is not None
    assert after["sent_bytes"] == before["sent_bytes"] >= 200_000
    assert after["kept_bytes"] == before["kept_bytes"] + 200_000


def test_several_are_pushed_in_one_go(device: Device, tmp_path: Path) -> None:
    files = {f"several/{name}": _file(tmp_path / name, name.encode()) for name in ("a", "b", "c")}
    there = device.push_all(files)
    assert list(there) == list(files)
    done = device.run(["cat", *there.values()], timeout_s=TIMEOUT_S)
    assert done.stdout.rstrip("\n") == "abc"


def test_a_scratch_folder_is_there_and_can_be_written(device: Device) -> None:
    folder = device.scratch("programs/it's mine")
    write = ["sh", "-c", 'echo kept > "$1/file" && cat "$1/file"', "sh", folder]
    assert device.run(write, timeout_s=TIMEOUT_S).stdout == "kept\n"
    assert device.scratch("programs/it's mine") == folder


def test_what_is_not_here_cannot_be_pushed(device: Device, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="does not exist"):
        device.push(tmp_path / "missing", "missing")


def test_what_is_not_there_cannot_be_pulled(device: Device, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cannot pull"):
        device.pull("/nonexistent/file", tmp_path / "back")
    assert list(tmp_path.iterdir()) == []


def test_facts_are_of_the_right_kind(device: Device, kind: Kind) -> None:
    facts = device.facts()
    assert facts["arch"] == kind.arch
    assert facts["cores"] >= 1
    assert facts["mem_total_bytes"] > 64 << 20
    assert isinstance(facts["cpu_model"], str)
    assert device.emulated is kind.emulated
    assert device.serial


def test_state_knows_load_and_memory(device: Device) -> None:
    state = device.state()
    assert 0 <= state["busy_fraction"] <= 1
    assert state["mem_available_bytes"] > 1 << 20
    assert state["uptime_s"] > 0


def test_the_log_can_be_asked(device: Device) -> None:
    assert all(line.isprintable() for line in device.forensics())


def test_a_claimed_device_is_busy_for_others(device: Device, kind: Kind) -> None:
    other = kind.open_again()
    try:
        if not kind.remote:
            with device.claim("me"), other.claim("somebody"):
                return
        with device.claim("lab of alice"), pytest.raises(BusyError, match="in use by lab of alice"), other.claim("bob"):
            pass
        with other.claim("bob"):
            pass
    finally:
        other.close()


def test_closed_twice_is_closed(device: Device) -> None:
    device.facts()
    device.close()
    device.close()


def is_gone(device: Device, pid: str) -> bool:
    """A process that ended may be a zombie for a moment, until its parent has looked."""
    text = 'for i in $(seq 50); do kill -0 "$1" 2>/dev/null || exit 0; sleep 0.1; done; exit 1'
    return device.run(["sh", "-c", text, "sh", pid], timeout_s=TIMEOUT_S).code == 0


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
