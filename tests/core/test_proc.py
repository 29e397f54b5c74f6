from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lab.core.proc import CommandError, run, stream
from lab.core.process import describe_code

# Says its own pid and that of a grandchild, then both live on.
FAMILY = "sleep 60 & echo $$ $!; exec sleep 60"


def is_gone(pid: int) -> bool:
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.02)
    return False


def interrupt_soon(after_s: float = 0.3) -> threading.Timer:
    timer = threading.Timer(after_s, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


def test_run_returns_what_was_said() -> None:
    done = run(["sh", "-c", "cat; echo err >&2; exit 3"], timeout_s=10, input="in ü")
    assert (done.argv[0], done.code, done.stdout, done.stderr) == ("sh", 3, "in ü", "err\n")
    assert done.duration_s > 0


def test_no_shell_sees_the_words() -> None:
    assert run(["echo", "$HOME; ls", "*"], timeout_s=10).stdout == "$HOME; ls *\n"


def test_environment_and_folder_are_the_callers(tmp_path: Path) -> None:
    done = run(["/bin/sh", "-c", "pwd; echo $A-$B"], timeout_s=10, env={"A": "1"}, cwd=tmp_path)
    assert done.stdout == f"{tmp_path}\n1-\n"


def test_output_that_is_not_text_is_repaired() -> None:
    assert run(["printf", r"a\377b"], timeout_s=10).stdout == "a\ufffdb"


def test_check_turns_a_code_into_an_error_that_keeps_everything() -> None:
    with pytest.raises(CommandError, match=r"sh -c .*: exit code 3\nwhy") as caught:
        run(["sh", "-c", "echo out; echo why >&2; exit 3"], timeout_s=10, check=True)
    done = caught.value.completed
    assert (done.code, done.stdout, done.stderr) == (3, "out\n", "why\n")


def test_a_signal_is_named() -> None:
    with pytest.raises(CommandError, match="killed by SIGSEGV"):
        run(["sh", "-c", "kill -SEGV $$"], timeout_s=10, check=True)
    assert describe_code(-250) == "killed by signal 250"


def test_a_missing_program_is_an_error_with_a_next_step() -> None:
    with pytest.raises(CommandError, match="no-such-program: cannot start: No such file") as caught:
        run(["no-such-program"], timeout_s=10)
    assert "installed" in str(caught.value.hint)
    with pytest.raises(CommandError, match="cannot start"):
        run(["echo", "nul\0byte"], timeout_s=10)


def test_a_timeout_ends_the_whole_family() -> None:
    with pytest.raises(CommandError, match=r"no answer within 0\.5 s") as caught:
        run(["sh", "-c", FAMILY], timeout_s=0.5)
    pids = [int(word) for word in caught.value.completed.stdout.split()]
    assert len(pids) == 2
    assert all(is_gone(pid) for pid in pids)


def test_ctrl_c_ends_the_whole_family(tmp_path: Path) -> None:
    timer = interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        run(["sh", "-c", FAMILY.replace("; exec", f" > {tmp_path}/pids; exec")], timeout_s=30)
    timer.join()
    pids = [int(word) for word in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    assert all(is_gone(pid) for pid in pids)


def test_stream_delivers_each_line_as_it_comes() -> None:
    arrived: list[tuple[str, float]] = []
    done = stream(
        ["sh", "-c", r"echo one; sleep 0.5; printf 'two\r\n\nthree'; echo err >&2; exit 4"],
        timeout_s=10,
        on_line=lambda line: arrived.append((line, time.monotonic())),
    )
    assert [line for line, _ in arrived] == ["one", "two", "", "three"]
    assert arrived[0][1] < arrived[1][1]
    assert (done.code, done.stdout, done.stderr) == (4, "", "err\n")


def test_stream_keeps_the_end_of_a_flood_of_stderr() -> None:
    done = stream(
        [sys.executable, "-c", "import sys; sys.stderr.write('x' * 500_000 + 'END')"],
        timeout_s=20,
        on_line=lambda line: None,
    )
    assert done.stderr.endswith("xEND")
    assert len(done.stderr) == 64 * 1024


def test_stream_past_its_time_ends_the_family() -> None:
    lines: list[str] = []
    with pytest.raises(CommandError, match=r"no end within 0\.5 s"):
        stream(["sh", "-c", FAMILY], timeout_s=0.5, on_line=lines.append)
    assert all(is_gone(int(pid)) for pid in lines[0].split())


def test_stream_refuses_a_line_without_end() -> None:
    with pytest.raises(CommandError, match="wrote a line of more than 1000 bytes"):
        stream(["cat", "/dev/zero"], timeout_s=20, on_line=lambda line: None, max_line_bytes=1000)


def test_stream_does_not_wait_for_a_descendant_that_holds_the_pipe() -> None:
    lines: list[str] = []
    done = stream(["sh", "-c", "sleep 60 & echo $!"], timeout_s=30, on_line=lines.append)
    assert done.code == 0
    assert is_gone(int(lines[0]))


def test_stream_delivers_the_last_words_on_ctrl_c() -> None:
    lines: list[str] = []
    timer = interrupt_soon(0.5)
    script = "trap 'echo flushed; exit 0' TERM; echo begun; while :; do sleep 0.05; done"
    with pytest.raises(KeyboardInterrupt):
        stream(["sh", "-c", script], timeout_s=30, on_line=lines.append, grace_s=10)
    timer.join()
    assert lines == ["begun", "flushed"]


def test_stream_ends_a_program_that_ignores_sigterm() -> None:
    lines: list[str] = []
    timer = interrupt_soon(0.5)
    script = "trap '' TERM; echo $$; while :; do sleep 0.05; done"
    with pytest.raises(KeyboardInterrupt):
        stream(["sh", "-c", script], timeout_s=30, on_line=lines.append, grace_s=0.2)
    timer.join()
    assert is_gone(int(lines[0]))


def test_stream_ends_the_program_when_a_line_is_refused() -> None:
    pids: list[int] = []

    def refuse(line: str) -> None:
        pids.append(int(line))
        raise ValueError("garbage")

    with pytest.raises(ValueError, match="garbage"):
        stream(["sh", "-c", "echo $$; exec sleep 60"], timeout_s=30, on_line=refuse)
    assert is_gone(pids[0])


def test_stream_leaves_no_open_files() -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(3):
        stream(["true"], timeout_s=10, on_line=lambda line: None)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_missing_program_cannot_be_streamed() -> None:
    with pytest.raises(CommandError, match="cannot start"):
        stream(["no-such-program"], timeout_s=10, on_line=lambda line: None)


def test_ctrl_c_while_a_program_starts_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *words: Any, **options: Any) -> None:
            super().__init__(*words, **options)
            started.append(self)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(["sleep", "60"], timeout_s=60)
    assert started[0].returncode == -signal.SIGKILL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
