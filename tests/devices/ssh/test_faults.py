"""A real sshd behind a line that does what bad lines do."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

import pytest

from lab.core.errors import DeviceUnreachableError
from lab.devices.link import Link, LinkTimeoutError
from lab.devices.ssh.connection import KEEPALIVE
from tests.devices.peers.proxy import Proxy
from tests.devices.peers.sshd import Sshd
from tests.devices.ssh.conftest import Connect


@pytest.fixture
def link(proxy: Proxy, linked: Connect) -> Link:
    return linked(proxy)


def alive(link: Link) -> bool:
    return link.execute("echo alive", timeout_s=30).stdout == b"alive\n"


def test_cut_while_feeding(link: Link, proxy: Proxy) -> None:
    proxy.cut_after(3_000_000, "up")
    with pytest.raises(DeviceUnreachableError, match=f"{proxy.host}:{proxy.port}: "):
        link.execute("cat >/dev/null", timeout_s=60, feed=(bytes(1 << 20) for _ in range(50)))
    assert alive(link)
    assert proxy.accepted == 2


def test_cut_while_output_comes(link: Link, proxy: Proxy) -> None:
    taken = 0

    def take(piece: bytes) -> None:
        nonlocal taken
        taken += len(piece)

    proxy.cut_after(3_000_000, "down")
    with pytest.raises(DeviceUnreachableError):
        link.execute("head -c 50000000 /dev/zero", timeout_s=60, on_stdout=take)
    assert 1_000_000 < taken < 3_000_000
    assert alive(link)


def test_cut_while_nothing_moves(link: Link, proxy: Proxy) -> None:
    def cut(piece: bytes) -> None:
        proxy.cut()

    with pytest.raises(DeviceUnreachableError):
        link.execute("echo now; exec sleep 100", timeout_s=60, on_stdout=cut)
    assert alive(link)


def test_cut_between_commands(link: Link, proxy: Proxy) -> None:
    assert alive(link)
    proxy.cut()
    assert alive(link)


def test_a_changed_byte_is_noticed(link: Link, proxy: Proxy) -> None:
    proxy.corrupt(1_000_000, "up")
    with pytest.raises(DeviceUnreachableError):
        link.execute("cat >/dev/null", timeout_s=60, feed=(bytes(1 << 20) for _ in range(20)))
    assert alive(link)


def test_a_black_hole_while_feeding_stalls(link: Link, proxy: Proxy) -> None:
    def feed() -> Iterator[bytes]:
        for number in range(100):
            if number == 5:
                proxy.black_hole()
            yield bytes(1 << 20)

    with pytest.raises(LinkTimeoutError, match="nothing moved"):
        link.execute("cat >/dev/null", timeout_s=60, stall_s=1, feed=feed())
    proxy.black_hole(False)
    assert alive(link)


def test_a_black_hole_ends_with_the_time(link: Link, proxy: Proxy) -> None:
    proxy.black_hole()
    with pytest.raises(LinkTimeoutError, match="no session within 1 s"):
        link.execute("true", timeout_s=1)


def test_a_peer_that_is_gone_without_a_word_is_noticed(
    proxy: Proxy, linked: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asked for a limit of silence: the connection itself asks whether the other side is there."""
    assert 15 <= KEEPALIVE["keepalive_interval"] * (KEEPALIVE["keepalive_count_max"] + 1) <= 30
    monkeypatch.setitem(KEEPALIVE, "keepalive_interval", 0.5)
    link = linked(proxy)
    with pytest.raises(DeviceUnreachableError, match="keepalive"):
        link.execute("echo now; exec sleep 100", timeout_s=90, on_stdout=lambda piece: proxy.black_hole())


def test_a_line_that_is_slow_but_moves_does_not_stall(link: Link, proxy: Proxy) -> None:
    proxy.rate_bytes_per_s = 200_000
    data = bytes(range(256)) * 2000
    answer = link.execute("sha256sum", timeout_s=60, stall_s=2, feed=[data])
    assert answer.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_a_late_line_does_no_harm(link: Link, proxy: Proxy) -> None:
    proxy.delay_s = 0.05
    assert alive(link)


def test_a_host_that_does_not_come_back(link: Link, proxy: Proxy) -> None:
    proxy.stop_accepting()
    proxy.cut()
    for _ in range(2):
        with pytest.raises(DeviceUnreachableError, match="connection refused"):
            link.execute("true", timeout_s=30)
    proxy.accept_again()
    assert alive(link)


def test_a_host_that_starts_again(sshd: Sshd, linked: Connect) -> None:
    link = linked(sshd)
    assert alive(link)
    sshd.restart()
    assert alive(link)


def test_a_host_that_starts_again_in_the_middle_of_a_command(sshd: Sshd, linked: Connect) -> None:
    link = linked(sshd)
    with pytest.raises(DeviceUnreachableError):
        link.execute("echo now; exec sleep 100", timeout_s=60, on_stdout=lambda piece: sshd.restart())
    assert alive(link)


def test_a_host_that_comes_back_with_another_key_is_refused(sshd: Sshd, linked: Connect) -> None:
    link = linked(sshd)
    sshd.new_host_key()
    sshd.restart()
    with pytest.raises(DeviceUnreachableError, match="HOST KEY HAS CHANGED"):
        link.execute("true", timeout_s=30)


def test_two_threads_that_lost_the_connection_make_one(link: Link, proxy: Proxy) -> None:
    assert alive(link)
    proxy.cut()
    answers: list[bool] = []
    threads = [threading.Thread(target=lambda: answers.append(alive(link))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers, proxy.accepted) == ([True] * 4, 2)
