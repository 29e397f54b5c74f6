"""The bad line and the slow network do what they say, or the tests that use them prove nothing."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from tests.devices.peers.programs import program
from tests.devices.peers.proxy import Direction, Proxy
from tests.devices.peers.slow_link import SlowLink


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that says back what it is told."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def talk(client: socket.socket) -> None:
        with client:
            try:
                while data := client.recv(65536):
                    client.sendall(data)
            except OSError:
                return

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=talk, args=(client,)))
            threads[-1].start()

    threads.append(threading.Thread(target=serve))
    threads[0].start()
    yield listener.getsockname()[:2]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in threads:
        thread.join()


@pytest.fixture
def proxy(echo: tuple[str, int]) -> Iterator[Proxy]:
    with Proxy(echo) as between:
        yield between


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection((proxy.host, proxy.port), timeout=30) as connection:
        yield connection


def take(client: socket.socket, size: int) -> bytes:
    """Read `size` bytes, or as many as come before the end."""
    got = b""
    while len(got) < size:
        try:
            data = client.recv(size - len(got))
        except ConnectionResetError:
            break
        if not data:
            break
        got += data
    return got


def test_all_goes_through(proxy: Proxy, client: socket.socket) -> None:
    client.sendall(b"hello")
    assert take(client, 5) == b"hello"
    proxy.wait_passed(5, "down")
    assert (proxy.accepted, proxy.passed) == (1, {"up": 5, "down": 5})


def test_the_end_goes_through(client: socket.socket) -> None:
    client.sendall(b"hello")
    client.shutdown(socket.SHUT_WR)
    assert take(client, 100) == b"hello"


@pytest.mark.parametrize("direction", ["up", "down"])
def test_cut_after_so_many_bytes(proxy: Proxy, client: socket.socket, direction: Direction) -> None:
    client.sendall(b"before")
    assert take(client, 6) == b"before"
    proxy.wait_passed(6, "down")
    proxy.cut_after(4, direction)
    client.sendall(b"hello")
    with pytest.raises(ConnectionResetError):
        client.recv(100) and client.recv(1)
    assert proxy.passed[direction] == 10


def test_one_byte_is_changed(proxy: Proxy, client: socket.socket) -> None:
    proxy.corrupt(2)
    client.sendall(b"aaaa")
    assert take(client, 4) == b"aa\x9ea"


def test_a_black_hole_keeps_what_it_took(proxy: Proxy, client: socket.socket) -> None:
    proxy.black_hole()
    client.sendall(b"hello")
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(1)
    client.settimeout(30)
    proxy.black_hole(False)
    assert take(client, 5) == b"hello"


def test_nobody_is_taken_and_then_again(proxy: Proxy, client: socket.socket) -> None:
    client.sendall(b"a")
    assert take(client, 1) == b"a"
    proxy.stop_accepting()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((proxy.host, proxy.port))
    client.sendall(b"b")
    assert take(client, 1) == b"b"
    proxy.accept_again()
    with socket.create_connection((proxy.host, proxy.port), timeout=30) as second:
        second.sendall(b"c")
        assert take(second, 1) == b"c"


def test_cut_now(proxy: Proxy, client: socket.socket) -> None:
    client.sendall(b"a")
    assert take(client, 1) == b"a"
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_throttled_and_late_is_at_least_so_late(proxy: Proxy, client: socket.socket) -> None:
    proxy.rate_bytes_per_s, proxy.delay_s = 100_000, 0.01
    began = time.monotonic()
    client.sendall(bytes(50_000))
    assert len(take(client, 50_000)) == 50_000
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_program_fails_in_ci(monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[Exception]) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="apt-get install such-a-package"):
        program("no-such-program", "such-a-package")


def test_a_slow_network_is_not_ours_and_is_slow() -> None:
    with SlowLink("80mbit") as slow:
        words = subprocess.run([*slow.prefix, "ip", "link", "show", "lo"], capture_output=True, text=True, check=True)
        assert "mtu 1500" in words.stdout
        assert "qdisc tbf" in words.stdout
        with socket.create_server(("127.0.0.1", 0)) as ours:
            code = f"import socket; socket.create_connection(('127.0.0.1', {ours.getsockname()[1]}))"
            done = subprocess.run([*slow.prefix, "python3", "-c", code], capture_output=True, text=True)
        assert "ConnectionRefusedError" in done.stderr
