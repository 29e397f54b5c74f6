"""What a command gets, says and ends with, on a real sshd."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.core.errors import DeviceError, DeviceUnreachableError
from lab.devices.link import MAX_OUTPUT_BYTES, Answer, Link, LinkTimeoutError
from tests.devices.peers.programs import program
from tests.devices.peers.sshd import Sshd
from tests.devices.ssh.conftest import Connect, use_home

EVERY_BYTE = bytes(range(256))


class OurError(Exception):
    pass


def test_both_outputs_and_the_code_come_back_apart(link: Link) -> None:
    answer = link.execute("echo out; echo err >&2; exit 3", timeout_s=30)
    assert answer == Answer(3, b"out\n", b"err\n")


def test_input_is_empty_unless_something_is_fed(link: Link) -> None:
    assert link.execute("wc -c", timeout_s=30).stdout.strip() == b"0"


def test_every_exit_code_comes_back(link: Link) -> None:
    codes = [link.execute(f"exit {code}", timeout_s=30).code for code in range(256)]
    assert codes == list(range(256))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGHUP, signal.SIGINT])
def test_a_signal_is_128_and_its_number(link: Link, number: signal.Signals) -> None:
    assert link.execute(f"kill -{number.value} $$", timeout_s=30).code == 128 + number


def test_no_byte_is_changed_either_way(link: Link) -> None:
    data = EVERY_BYTE * 1000
    assert link.execute("cat", timeout_s=30, feed=[data]).stdout == data
    assert link.execute("cat >&2", timeout_s=30, feed=[data]).stderr == data


def test_chunks_of_any_size_arrive_in_order(link: Link) -> None:
    rng = random.Random(4)
    chunks = [rng.randbytes(rng.choice([0, 1, 7, 1000, 70_000, 262_144, 1_000_003])) for _ in range(60)]
    whole = b"".join(chunks)
    answer = link.execute("sha256sum", timeout_s=60, feed=iter(chunks))
    assert answer.stdout.split()[0].decode() == hashlib.sha256(whole).hexdigest()


@pytest.mark.slow
def test_200_mb_arrive_byte_for_byte(link: Link) -> None:
    parts = [random.Random(seed).randbytes(40_000_003) for seed in range(5)]
    answer = link.execute("sha256sum", timeout_s=300, stall_s=60, feed=iter(parts))
    assert answer.stdout.split()[0].decode() == hashlib.sha256(b"".join(parts)).hexdigest()


def test_what_is_fed_is_not_taken_before_it_can_be_sent(link: Link) -> None:
    taken: list[int] = []

    def feed() -> Iterator[bytes]:
        for number in range(400):
            taken.append(number)
            yield bytes(1 << 20)

    with pytest.raises(LinkTimeoutError):
        link.execute("exec sleep 30", timeout_s=60, stall_s=1, feed=feed())
    assert len(taken) < 20  # MiB: the window of the host, the pipe, and what is on its way


def test_a_command_may_end_before_it_has_read_all(link: Link) -> None:
    feed = (bytes(1 << 20) for _ in range(200))
    assert link.execute("head -c 10 | wc -c; exit 5", timeout_s=60, feed=feed) == Answer(5, b"10\n", b"")


def test_output_is_given_as_it_comes(link: Link, sshd: Sshd) -> None:
    pieces: list[bytes] = []

    def take(piece: bytes) -> None:
        pieces.append(piece)
        (sshd.remote_home / "go").touch()

    command = "echo first; until test -e $HOME/go; do sleep 0.01; done; echo second"
    assert link.execute(command, timeout_s=60, on_stdout=take) == Answer(0, b"", b"")
    assert pieces == [b"first\n", b"second\n"]


def test_a_host_that_writes_faster_than_is_read_waits(link: Link) -> None:
    def take(piece: bytes) -> None:
        wait = "for i in $(seq 15); do test -e $HOME/done && exit 0; sleep 0.1; done; exit 1"
        assert link.execute(wait, timeout_s=60).code == 1
        raise OurError

    with pytest.raises(OurError):
        link.execute("head -c 100000000 /dev/zero; touch $HOME/done", timeout_s=60, on_stdout=take)


def test_all_that_was_held_back_comes(link: Link) -> None:
    size, taken = 64 << 20, 0

    def take(piece: bytes) -> None:
        nonlocal taken
        if taken == 0:
            link.execute("sleep 0.3", timeout_s=60)  # long enough for every buffer to fill
        taken += len(piece)

    assert link.execute(f"head -c {size} /dev/zero", timeout_s=60, on_stdout=take).code == 0
    assert taken == size


def test_too_much_output_is_an_error_when_nobody_takes_it(link: Link) -> None:
    with pytest.raises(DeviceError, match="more than 16 MiB"):
        link.execute(f"head -c {MAX_OUTPUT_BYTES + 1} /dev/zero", timeout_s=60)
    assert link.execute("echo alive", timeout_s=30).stdout == b"alive\n"


def test_the_last_of_a_long_standard_error_is_kept(link: Link) -> None:
    command = "head -c 5000000 /dev/zero >&2; echo end >&2; exit 1"
    answer = link.execute(command, timeout_s=60, on_stdout=lambda piece: None)
    assert answer.code == 1
    assert answer.stderr.endswith(b"\0end\n")
    assert len(answer.stderr) < 4_000_000


def test_several_threads_at_once(link: Link) -> None:
    """Each waits for the other on the host: one after the other, neither would end."""
    answers: dict[str, Answer] = {}

    def work(mine: str, other: str) -> None:
        command = f"touch $HOME/{mine}; until test -e $HOME/{other}; do sleep 0.01; done; echo {mine}"
        answers[mine] = link.execute(command, timeout_s=60)

    threads = [threading.Thread(target=work, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers["a"].stdout, answers["b"].stdout) == (b"a\n", b"b\n")


@pytest.mark.parametrize(
    "command",
    [
        "printf '%s\\n' \"it's\" '\"' '\\' '!' '!!' '$HOME' '`id`' '%s' 'a  b'",
        'x=$(printf \'a\\tb\'); printf %s "$x"; if [ 1 -lt 2 ]; then\necho "two\nlines"\nfi',
        "printf %s 'äöü€😀'",
        "cat <<'END'\n$HOME `x` \\ ! 'single' \"double\"\nEND",
        "true && ! false || echo never; case a in (a) echo A;; esac; echo ~root/[x]* {1,2} ^ # comment",
    ],
)
def test_sh_reads_the_command_exactly(link: Link, command: str) -> None:
    here = os.popen(f"cat <<'@@@@' | sh\n{command}\n@@@@")
    expected = here.read()
    here.close()
    assert link.execute(command, timeout_s=30).stdout.decode() == expected


def test_a_name_that_is_not_utf8_reaches_the_host(link: Link) -> None:
    name = os.fsdecode(b"caf\xe9")
    assert link.execute(f"printf %s '{name}'", timeout_s=30).stdout == b"caf\xe9"


@pytest.mark.parametrize("shell", ["tcsh -f", "fish --no-config"])
def test_any_login_shell_hands_the_command_to_sh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: Connect, shell: str
) -> None:
    name = shell.split()[0]
    force = f'{program(name, name)} {shell.partition(" ")[2]} -c "$SSH_ORIGINAL_COMMAND"'
    with Sshd(tmp_path / "other", options={"ForceCommand": force}) as server:
        use_home(monkeypatch, server.home)
        command = "for x in \"it's\" '\\\\' '!' '%s'\ndo printf '%s,' \"$x\"; done; exit 4"
        assert linked(server).execute(command, timeout_s=30) == Answer(4, b"it's,\\\\,!,%s,", b"")


def test_past_its_time_a_command_is_given_up(link: Link) -> None:
    with pytest.raises(LinkTimeoutError, match=r"did not end within 0\.5 s"):
        link.execute("exec sleep 100", timeout_s=0.5)
    assert link.execute("echo alive", timeout_s=30).stdout == b"alive\n"


def test_a_command_that_says_nothing_stalls(link: Link) -> None:
    with pytest.raises(LinkTimeoutError, match=r"nothing moved for 0\.5 s"):
        link.execute("exec sleep 100", timeout_s=60, stall_s=0.5)


def test_a_command_that_goes_on_saying_something_does_not_stall(link: Link) -> None:
    command = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.25; done"
    assert link.execute(command, timeout_s=60, stall_s=1.5).stdout == b"1\n2\n3\n4\n5\n6\n7\n8\n"


def test_what_the_feed_raises_goes_on_and_closes_the_stream(link: Link, sshd: Sshd) -> None:
    def feed() -> Iterator[bytes]:
        yield b"some"
        raise OurError

    with pytest.raises(OurError):
        link.execute("cat > $HOME/got; echo closed > $HOME/after", timeout_s=60, feed=feed())
    # The host sees the end of its input: cat ends, and what comes after it runs.
    await_file(sshd.remote_home / "after")


def test_what_the_taker_raises_goes_on(link: Link) -> None:
    def take(piece: bytes) -> None:
        raise OurError

    with pytest.raises(OurError):
        link.execute("echo out; exec sleep 100", timeout_s=60, on_stdout=take)
    assert link.execute("echo alive", timeout_s=30).stdout == b"alive\n"


def test_ctrl_c_ends_the_wait_and_closes_the_stream(link: Link, sshd: Sshd) -> None:
    def interrupt() -> None:
        await_file(sshd.remote_home / "started")
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        # The feed does not end, so `cat` ends only when the stream is closed.
        link.execute("touch $HOME/started; cat; touch $HOME/closed", timeout_s=60, feed=endless())
    thread.join()
    await_file(sshd.remote_home / "closed")


def endless() -> Iterator[bytes]:
    while True:
        yield bytes(1000)


def await_file(path: Path) -> None:
    await_that(path.exists)


def await_that(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def test_closed_from_another_thread_a_command_ends(link: Link, sshd: Sshd) -> None:
    def close() -> None:
        await_file(sshd.remote_home / "started")
        link.close()

    thread = threading.Thread(target=close)
    thread.start()
    with pytest.raises(DeviceUnreachableError):
        link.execute("touch $HOME/started; exec sleep 100", timeout_s=60)
    thread.join()
    link.close()
    with pytest.raises(DeviceUnreachableError, match="closed"):
        link.execute("true", timeout_s=30)


@pytest.mark.parametrize("most", [1, 2])
def test_a_server_of_few_sessions_gets_more_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: Connect, most: int
) -> None:
    with Sshd(tmp_path / "few", options={"MaxSessions": most}) as server:
        use_home(monkeypatch, server.home)
        link = linked(server)
        answers: list[Answer] = []

        def work(number: int) -> None:
            wait = "until test $(ls $HOME | wc -l) -ge 5; do sleep 0.01; done"
            answers.append(link.execute(f"touch $HOME/{number}; {wait}", timeout_s=60))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answer.code for answer in answers] == [0] * 5
        needed = -(-5 // most)
        assert connections_of(server) == needed
        assert link.execute("echo alive", timeout_s=30).stdout == b"alive\n"
        assert connections_of(server) <= needed


def test_a_server_of_no_sessions_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: Connect) -> None:
    with Sshd(tmp_path / "none", options={"MaxSessions": 0}) as server:
        use_home(monkeypatch, server.home)
        link = linked(server)
        for _ in range(3):
            with pytest.raises(DeviceUnreachableError, match="opens no session"):
                link.execute("true", timeout_s=30)
        await_that(lambda: connections_of(server) == 0)


def connections_of(server: Sshd) -> int:
    """Return how many connections this process holds to the server."""
    peer = f":{server.port:04X} 01"  # the far end, and "established", as /proc/net/tcp has them
    lines = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    return sum(" ".join(line.split()[2:4]).endswith(peer) for line in lines)


def test_facts_name_the_way(link: Link) -> None:
    facts = link.facts()
    assert facts["link"].startswith("ssh (asyncssh 2.")
    assert facts["cipher"] == "aes128-gcm@openssh.com"
    assert facts["server"].startswith("SSH-2.0-OpenSSH")
