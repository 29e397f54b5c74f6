"""What `Link.execute` promises, in each way to the phone."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.core.errors import DeviceError, DeviceUnreachableError
from lab.devices.adb import connect, connection
from lab.devices.adb.wire import TcpWire
from lab.devices.link import MAX_OUTPUT_BYTES, Link, LinkTimeoutError
from tests.devices.adb.conftest import Reach
from tests.devices.peers.adbd_server import Adbd, Faults, adbd

EVERY_BYTE = bytes(range(256)) * 1000


@pytest.fixture
def link(reach: Reach, phone: Adbd, way: str) -> Link:
    return reach(phone, way)


@pytest.mark.parametrize(
    ("command", "code"),
    [("true", 0), ("exit 7", 7), ("exit 1", 1), ("exit 255", 255), ("kill -9 $$", 137), ("no-such-program", 127)],
)
def test_exit_codes_are_the_shells(link: Link, command: str, code: int) -> None:
    assert link.execute(command, timeout_s=20).code == code


def test_outputs_are_kept_apart(link: Link) -> None:
    answer = link.execute("echo out; echo err >&2; echo out again", timeout_s=20)
    assert (answer.stdout, answer.stderr) == (b"out\nout again\n", b"err\n")


def test_a_shell_reads_the_command_as_it_stands(link: Link) -> None:
    answer = link.execute("printf '%s|' \"a b\" '$HOME' \"$((1 + 2))\"\nprintf 'ü\"\\n'", timeout_s=20)
    assert answer.stdout.decode() == 'a b|$HOME|3|ü"\n'


def test_every_byte_survives_both_ways(link: Link) -> None:
    assert link.execute("cat", timeout_s=20, feed=[EVERY_BYTE]).stdout == EVERY_BYTE


def test_input_is_empty_when_nothing_is_fed(link: Link) -> None:
    assert link.execute("wc -c", timeout_s=20).stdout.split() == [b"0"]


def test_chunks_of_any_size_arrive_in_order(link: Link) -> None:
    chunks = [b"", b"a", b"b" * 70_000, b"", b"c" * 3_000_000, b"d"]
    taken: list[bytes] = []
    assert link.execute("cat", timeout_s=60, feed=iter(chunks), on_stdout=taken.append).stdout == b""
    assert b"".join(taken) == b"".join(chunks)


def test_output_is_taken_while_input_is_still_to_come(link: Link) -> None:
    """A command that answers before its input ends would block for ever if nobody listened meanwhile."""
    taken: list[bytes] = []

    def feed() -> Iterator[bytes]:
        for _ in range(30):
            yield EVERY_BYTE

    assert link.execute("cat", timeout_s=60, feed=feed(), on_stdout=taken.append).code == 0
    assert sum(map(len, taken)) == 30 * len(EVERY_BYTE)


def test_a_command_may_end_before_its_input(link: Link) -> None:
    assert link.execute("exit 3", timeout_s=60, feed=(EVERY_BYTE for _ in range(200))).code == 3


def test_a_hundred_megabytes_arrive_through_tiny_buffers(reach: Reach, phone: Adbd, way: str, tmp_path: Path) -> None:
    block = os.urandom(1 << 20)
    whole = hashlib.sha256()
    for _ in range(100):
        whole.update(block)
    with adbd(phone.folder, faults=Faults(buffer_bytes=4096)) as slow:
        answer = reach(slow, way).execute("sha256sum", timeout_s=300, stall_s=60, feed=(block for _ in range(100)))
    assert answer.stdout.split()[0].decode() == whole.hexdigest()


def test_too_much_output_is_refused_unless_it_is_taken(link: Link) -> None:
    command = f"head -c {MAX_OUTPUT_BYTES + 1} /dev/zero"
    with pytest.raises(DeviceError, match="more than 16 MiB"):
        link.execute(command, timeout_s=60)
    sizes: list[int] = []
    link.execute(command, timeout_s=60, on_stdout=lambda data: sizes.append(len(data)))
    assert sum(sizes) == MAX_OUTPUT_BYTES + 1


def test_calls_do_not_wait_for_each_other(link: Link) -> None:
    """The first can't end before the second has run."""
    link.execute("mkfifo pipe", timeout_s=20)
    answers: list[bytes] = []
    first = threading.Thread(target=lambda: answers.append(link.execute("cat pipe", timeout_s=60).stdout))
    first.start()
    assert link.execute("cat > pipe", timeout_s=60, feed=[b"from the second"]).code == 0
    first.join(60)
    assert answers == [b"from the second"]


def test_many_at_once_get_their_own_answers(link: Link) -> None:
    said: dict[int, bytes] = {}

    def ask(number: int) -> None:
        said[number] = link.execute("cat", timeout_s=60, feed=[b"%d " % number] * 50_000).stdout

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert said == {number: b"%d " % number * 50_000 for number in range(5)}


@pytest.mark.parametrize("limits", [{"timeout_s": 0.5}, {"timeout_s": 60, "stall_s": 0.5}])
def test_time_runs_out_and_the_shell_is_hung_up_on(link: Link, phone: Adbd, limits: dict[str, float]) -> None:
    with pytest.raises(LinkTimeoutError, match="pixel: no"):
        link.execute("echo $$ > pid; exec sleep 600", **limits)  # type: ignore[arg-type]
    assert gone(phone)
    assert link.execute("exit 4", timeout_s=20).code == 4


def test_a_device_that_takes_no_input_is_a_stall(link: Link, phone: Adbd, way: str) -> None:
    phone.faults.deaf = True
    with pytest.raises(LinkTimeoutError, match="nothing moved"):
        link.execute("cat", timeout_s=60, stall_s=0.5, feed=(EVERY_BYTE for _ in range(100)))


def test_a_command_that_never_starts_is_a_stall(link: Link, phone: Adbd) -> None:
    phone.faults.dead = True
    with pytest.raises(LinkTimeoutError, match="nothing moved"):
        link.execute("true", timeout_s=60, stall_s=0.5)


def test_a_way_on_which_nothing_goes_any_more_is_left_for_a_new_one(
    reach: Reach, phone: Adbd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def narrow(host: str, port: int, timeout_s: float) -> TcpWire:
        connected = socket.create_connection((host, port), timeout_s)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return TcpWire(connected)

    monkeypatch.setattr(connect, "dial", narrow)
    monkeypatch.setattr(connection, "STUCK_S", 0.1)
    with adbd(phone.folder, faults=Faults(buffer_bytes=4096)) as slow:
        link = reach(slow)
        slow.faults.frozen = True
        with pytest.raises(LinkTimeoutError, match="nothing moved"):
            link.execute("cat", timeout_s=60, stall_s=0.5, feed=(EVERY_BYTE for _ in range(100)))
        slow.faults.frozen = False
        assert link.execute("exit 5", timeout_s=60).code == 5
        assert slow.connections == 2


def test_slow_callers_are_no_stall_of_the_device(link: Link) -> None:
    def feed() -> Iterator[bytes]:
        time.sleep(1.0)
        yield b"late"

    answer = link.execute("cat", timeout_s=60, stall_s=0.8, feed=feed(), on_stdout=lambda data: time.sleep(1.0))
    assert answer.code == 0


def test_a_caller_that_takes_its_time_holds_up_nobody_else(link: Link) -> None:
    free = threading.Event()
    sizes: list[int] = []

    def take(data: bytes) -> None:
        assert free.wait(60)
        sizes.append(len(data))

    first = threading.Thread(target=lambda: link.execute("head -c 9000000 /dev/zero", timeout_s=60, on_stdout=take))
    first.start()
    assert len(link.execute("head -c 9000000 /dev/zero", timeout_s=60).stdout) == 9_000_000
    free.set()
    first.join(60)
    assert sum(sizes) == 9_000_000


def test_what_feed_raises_goes_on_and_ends_the_command(link: Link, phone: Adbd) -> None:
    def feed() -> Iterator[bytes]:
        yield b"x"
        wait_for(phone.folder / "pid")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        link.execute("echo $$ > new; mv new pid; exec sleep 600", timeout_s=60, feed=feed())
    assert gone(phone)
    assert link.execute("true", timeout_s=20).code == 0


def test_what_on_stdout_raises_goes_on_and_ends_the_command(link: Link, phone: Adbd) -> None:
    def refuse(data: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        link.execute("echo $$ > pid; echo started; exec sleep 600", timeout_s=60, on_stdout=refuse)
    assert gone(phone)


def test_ctrl_c_ends_the_command_and_leaves_the_link_whole(link: Link, phone: Adbd) -> None:
    """In the middle of a feed: half a message must not be left on the way."""
    endless = (EVERY_BYTE for _ in iter(int, 1))
    waiting = threading.Thread(target=lambda: (wait_for(phone.folder / "pid"), os.kill(os.getpid(), signal.SIGINT)))
    waiting.start()
    with pytest.raises(KeyboardInterrupt):
        link.execute("echo $$ > new; mv new pid; exec cat > /dev/null", timeout_s=60, feed=endless)
    waiting.join()
    assert gone(phone)
    assert link.execute("cat", timeout_s=20, feed=[b"still"]).stdout == b"still"


def test_a_connection_cut_in_the_middle_is_an_error_and_made_again(link: Link, phone: Adbd) -> None:
    with pytest.raises(DeviceUnreachableError) as caught:
        link.execute("echo started; exec sleep 600", timeout_s=60, on_stdout=lambda data: phone.cut())
    assert caught.value.hint
    assert link.execute("echo again", timeout_s=60).stdout == b"again\n"


def test_a_feed_that_is_cut_is_never_a_success(reach: Reach, phone: Adbd, way: str) -> None:
    phone.faults.cut_after_bytes = 5_000_000
    link = reach(phone, way)
    with pytest.raises(DeviceUnreachableError):
        link.execute("cat > file", timeout_s=60, feed=(EVERY_BYTE for _ in range(100)))


def test_a_daemon_that_refuses_the_shell_is_unreachable(link: Link, phone: Adbd) -> None:
    phone.faults.offline = True
    with pytest.raises(DeviceUnreachableError):
        link.execute("true", timeout_s=20)


def test_closing_ends_a_call_in_another_thread(link: Link) -> None:
    failed: list[BaseException] = []
    started = threading.Event()

    def call() -> None:
        try:
            link.execute("echo x; exec sleep 600", timeout_s=60, on_stdout=lambda data: started.set())
        except DeviceUnreachableError as problem:
            failed.append(problem)

    thread = threading.Thread(target=call)
    thread.start()
    assert started.wait(60)
    link.close()
    link.close()
    thread.join(60)
    assert len(failed) == 1
    with pytest.raises(DeviceUnreachableError, match="closed"):
        link.execute("true", timeout_s=20)


def test_a_command_line_that_no_shell_could_get_is_refused(link: Link) -> None:
    with pytest.raises(DeviceError, match="zero byte"):
        link.execute("echo a\0b", timeout_s=20)
    with pytest.raises(DeviceError, match="too long"):
        link.execute("#" * (2 << 20), timeout_s=20)


def test_facts_say_who_spoke(link: Link, way: str) -> None:
    facts = link.facts()
    starts = {"adb-shell": "adb over TCP (adb-shell ", "adb": "adb over TCP (adb server 1."}
    assert facts["link"].startswith(starts.get(way, "adb over USB (adb-shell "))
    assert facts["link_adb_features"] == "cmd shell_v2"


def wait_for(path: Path) -> None:
    """Wait until the command on the phone made the file."""
    while not path.exists():
        time.sleep(0.01)


def gone(phone: Adbd) -> bool:
    """Wait until the process whose id is in the phone's file `pid` has ended."""
    process = int((phone.folder / "pid").read_text())
    for _ in range(2000):
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False
