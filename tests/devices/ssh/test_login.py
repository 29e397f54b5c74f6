"""Who is let in, and who is believed: host keys, our keys, the agent, the user's ssh configuration."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from lab.core.errors import ConfigError, DeviceError, DeviceUnreachableError
from lab.devices.link import Access, Link
from lab.devices.ssh import keys
from tests.devices.peers.programs import program
from tests.devices.peers.sshd import Sshd, fingerprint, free_port, make_key, public_words
from tests.devices.ssh.conftest import Connect, use_home

NEW = Access(accept_new=True)


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """A server that known_hosts does not name: there is no such file."""
    with Sshd(tmp_path / "stranger", known=False) as server:
        use_home(monkeypatch, server.home)
        yield server


def works(link: Link) -> bool:
    return link.execute("echo in", timeout_s=30).stdout == b"in\n"


def test_a_new_host_is_refused_when_nobody_can_be_asked(stranger: Sshd, linked: Connect) -> None:
    with pytest.raises(DeviceUnreachableError) as refused:
        linked(stranger)
    assert fingerprint(stranger.host_key) in str(refused.value)
    assert "--accept-new" in (refused.value.hint or "")
    assert f"`ssh -p {stranger.port} {stranger.host}`" in (refused.value.hint or "")
    assert refused.value.exit_code == 4
    assert not stranger.known_hosts.exists()


def test_a_new_host_is_asked_for_with_its_fingerprint(stranger: Sshd, linked: Connect) -> None:
    questions: list[str] = []

    def refuse(question: str) -> bool:
        questions.append(question)
        return False

    with pytest.raises(DeviceUnreachableError):
        linked(stranger, Access(confirm=refuse))
    assert len(questions) == 1
    assert fingerprint(stranger.host_key) in questions[0]
    assert not stranger.known_hosts.exists()


@pytest.mark.parametrize("access", [NEW, Access(confirm=lambda question: True)])
def test_a_new_host_that_is_trusted_is_known_from_then_on(stranger: Sshd, linked: Connect, access: Access) -> None:
    assert works(linked(stranger, access))
    assert stranger.known_hosts.read_text() == stranger.known_line() + "\n"
    assert stranger.known_hosts.stat().st_mode & 0o777 == 0o600
    assert works(linked(stranger))


def test_the_folder_of_known_hosts_is_made_for_its_owner_alone(stranger: Sshd, linked: Connect, tmp_path: Path) -> None:
    known = tmp_path / "deep" / "known_hosts"
    stranger.config.write_text(f"UserKnownHostsFile {known}\n")
    assert works(linked(stranger, NEW))
    assert known.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("before", ["", "# ours\n", "other.example ssh-ed25519 AAAA broken\n", "no newline at the end"])
def test_known_hosts_is_only_added_to(stranger: Sshd, linked: Connect, before: str) -> None:
    stranger.known_hosts.write_text(before)
    linked(stranger, NEW)
    text = stranger.known_hosts.read_text()
    assert text.startswith(before)
    assert text.endswith("\n" + stranger.known_line() + "\n" if before else stranger.known_line() + "\n")


def test_known_hosts_that_cannot_be_written_is_an_error(stranger: Sshd, linked: Connect) -> None:
    stranger.known_hosts.mkdir()
    with pytest.raises(DeviceError, match="cannot add the key"):
        linked(stranger, NEW)


def test_ssh_reads_what_was_added(stranger: Sshd, linked: Connect) -> None:
    linked(stranger, NEW)
    options = ["-F", "none", "-o", f"UserKnownHostsFile={stranger.known_hosts}", "-o", "StrictHostKeyChecking=yes"]
    argv = [program("ssh", "openssh-client"), *options, "-i", str(stranger.key), "-p", str(stranger.port)]
    done = subprocess.run([*argv, f"{stranger.user}@{stranger.host}", "echo in"], capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"in\n"), done.stderr


@pytest.mark.parametrize("access", [Access(), NEW, Access(confirm=lambda question: True)])
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_changed_key_is_refused_whatever_is_said(sshd: Sshd, linked: Connect, access: Access, kind: str) -> None:
    sshd.new_host_key(kind)
    sshd.restart()
    before = sshd.known_hosts.read_text()
    with pytest.raises(DeviceUnreachableError, match="HOST KEY HAS CHANGED") as refused:
        linked(sshd, access)
    assert f"{sshd.known_hosts}:1" in str(refused.value)
    assert "ssh-keygen -R" in (refused.value.hint or "")
    assert sshd.known_hosts.read_text() == before


def test_a_revoked_key_is_refused(stranger: Sshd, linked: Connect) -> None:
    stranger.known_hosts.write_text(f"@revoked {stranger.known_line()}\n")
    with pytest.raises(DeviceUnreachableError, match="revoked"):
        linked(stranger, NEW)


def test_a_changed_key_is_one_beside_a_revoked_one_too(sshd: Sshd, linked: Connect) -> None:
    sshd.known_hosts.write_text(f"@revoked {sshd.known_line()}\n")
    sshd.new_host_key()
    sshd.know()
    sshd.new_host_key()
    sshd.restart()
    with pytest.raises(DeviceUnreachableError, match="HOST KEY HAS CHANGED") as refused:
        linked(sshd, NEW)
    assert f"{sshd.known_hosts}:2 has another" in str(refused.value)


def test_an_agent_that_says_nothing_is_not_waited_for(
    sshd: Sshd, linked: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sshd.home / "silent"
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    monkeypatch.setattr(keys, "AGENT_S", 0.1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        assert works(linked(sshd))


def test_a_hashed_name_is_understood(sshd: Sshd, linked: Connect) -> None:
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(sshd.known_hosts)], check=True, capture_output=True)
    assert sshd.host not in sshd.known_hosts.read_text()
    assert works(linked(sshd))


def test_a_key_known_at_the_usual_port_counts(stranger: Sshd, linked: Connect) -> None:
    stranger.known_hosts.write_text(f"{stranger.host} {public_words(stranger.host_key)}\n")
    assert works(linked(stranger))


def test_another_key_at_the_usual_port_is_no_change(stranger: Sshd, linked: Connect, tmp_path: Path) -> None:
    stranger.known_hosts.write_text(f"{stranger.host} {public_words(make_key(tmp_path / 'other'))}\n")
    with pytest.raises(DeviceUnreachableError, match="unknown host"):
        linked(stranger)
    assert works(linked(stranger, NEW))


def test_a_host_with_a_certificate_of_nobody_we_know_is_asked_for_its_key(stranger: Sshd, linked: Connect) -> None:
    sign(stranger)
    assert works(linked(stranger, NEW))
    assert stranger.known_hosts.read_text() == stranger.known_line() + "\n"


def test_a_host_with_a_certificate_of_a_known_authority_is_believed(stranger: Sshd, linked: Connect) -> None:
    authority = sign(stranger)
    name = f"[{stranger.host}]:{stranger.port}"
    stranger.known_hosts.write_text(f"@cert-authority {name} {public_words(authority)}\n")
    assert works(linked(stranger))


def sign(server: Sshd) -> Path:
    authority = make_key(server.home / "authority")
    public = server.host_key.with_name(server.host_key.name + ".pub")
    words = ["-s", str(authority), "-I", "board", "-h", "-n", f"{server.host}", str(public)]
    subprocess.run(["ssh-keygen", "-q", *words], check=True)
    server.options["HostCertificate"] = f"{server.host_key}-cert.pub"
    server.restart()
    return authority


def test_a_key_that_the_host_does_not_take(sshd: Sshd, linked: Connect, tmp_path: Path) -> None:
    sshd.authorize(make_key(tmp_path / "somebody"))
    with pytest.raises(DeviceUnreachableError, match="none of the keys") as refused:
        linked(sshd)
    assert f"{sshd.user}@{sshd.host}:{sshd.port}" in str(refused.value)
    assert str(sshd.key) in str(refused.value)
    assert "ssh-copy-id" in (refused.value.hint or "")


def test_no_key_at_all(sshd: Sshd, linked: Connect) -> None:
    sshd.key.unlink()
    with pytest.raises(DeviceUnreachableError, match="no key to offer"):
        linked(sshd)


def test_a_key_that_others_can_read_is_not_offered(sshd: Sshd, linked: Connect) -> None:
    sshd.key.chmod(0o644)
    with pytest.raises(DeviceUnreachableError, match=f"chmod 600 {sshd.key}"):
        linked(sshd)
    sshd.key.chmod(0o600)
    assert works(linked(sshd))


def test_a_key_with_a_passphrase_is_for_the_agent(sshd: Sshd, linked: Connect) -> None:
    sshd.key.unlink()
    sshd.authorize(make_key(sshd.key, passphrase="secret"))
    with pytest.raises(DeviceUnreachableError, match=f"has a passphrase; ssh-add {sshd.key}"):
        linked(sshd)


def test_a_damaged_key_is_named(sshd: Sshd, linked: Connect) -> None:
    sshd.key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n-----END OPENSSH PRIVATE KEY-----\n")
    with pytest.raises(DeviceUnreachableError, match=f"not offered: {sshd.key}: "):
        linked(sshd)


def test_the_key_of_the_target_is_offered_beside_the_others(sshd: Sshd, linked: Connect, tmp_path: Path) -> None:
    own = make_key(tmp_path / "own")
    sshd.authorize(own)
    assert works(linked(sshd, key=str(own)))


@pytest.mark.parametrize(("mode", "says"), [(0o640, "chmod 600"), (None, "private key that is there")])
def test_a_key_of_the_target_that_cannot_be_used(
    sshd: Sshd, linked: Connect, tmp_path: Path, mode: int | None, says: str
) -> None:
    own = tmp_path / "own"
    if mode is not None:
        make_key(own).chmod(mode)
    with pytest.raises(ConfigError, match=r"targets/board.toml: \[ssh\].key") as refused:
        linked(sshd, key=str(own))
    assert says in (refused.value.hint or "")


@pytest.fixture
def agent(tmp_path: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """A real ssh-agent; call it with a key to add. Nothing else can log in."""
    socket_path = tmp_path / "agent"
    argv = [program("ssh-agent", "openssh-client"), "-D", "-a", str(socket_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it says where it listens once it does
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket_path))

        def add(key: Path) -> None:
            subprocess.run(["ssh-add", "-q", str(key)], check=True)

        yield add
        process.terminate()


def test_a_key_of_the_agent(sshd: Sshd, linked: Connect, agent: Callable[[Path], None]) -> None:
    agent(sshd.key)
    sshd.key.unlink()
    assert works(linked(sshd))


def test_only_the_named_keys_of_the_agent(
    sshd: Sshd, linked: Connect, agent: Callable[[Path], None], tmp_path: Path
) -> None:
    """A host that takes three tries is never offered the fourth key: the named one has to be the only one."""
    board = crowded(sshd, agent, tmp_path)
    with pytest.raises(DeviceUnreachableError, match="Too many authentication failures") as refused:
        linked(sshd)
    assert "IdentitiesOnly yes" in (refused.value.hint or "")
    assert "[ssh].key" in (refused.value.hint or "")
    sshd.config.write_text(f"IdentitiesOnly yes\nIdentityFile {board}.pub\n")
    assert works(linked(sshd))


def test_named_keys_go_before_those_of_the_agent(
    sshd: Sshd, linked: Connect, agent: Callable[[Path], None], tmp_path: Path
) -> None:
    """The agent has eight others, and the host ends the connection after a few."""
    board = crowded(sshd, agent, tmp_path)
    sshd.config.write_text(f"IdentityFile {board}.pub\n")
    assert works(linked(sshd))
    own = make_key(tmp_path / "own")
    sshd.authorize(own)
    sshd.config.write_text(f"IdentityFile {own}\n")
    assert works(linked(sshd))
    sshd.config.write_text("")
    assert works(linked(sshd, key=str(own)))
    subprocess.run(["ssh-add", "-q", "-d", str(board)], check=True)
    usual = make_key(sshd.dot_ssh / "id_rsa")  # of the usual names, as ssh knows it
    agent(usual)
    sshd.authorize(usual)
    assert works(linked(sshd))


def crowded(sshd: Sshd, agent: Callable[[Path], None], folder: Path) -> Path:
    """Fill the agent: the key that the host takes comes last, and the usual one is gone."""
    for number in range(8):
        agent(make_key(folder / f"other{number}"))
    sshd.key.unlink()
    sshd.key.with_name("id_ed25519.pub").unlink()
    board = make_key(folder / "board")
    agent(board)
    sshd.authorize(board)
    return board


def case(name: str, sshd: Sshd) -> str:
    """A configuration of tests/cases/devices, for this server."""
    text = (Path("tests/cases/devices") / name).read_text()
    port = "" if "Port" in text else f"Host board\n  Port {sshd.port}\n"
    return text.replace("42022", str(sshd.port)) + port


@pytest.mark.parametrize("name", ["ssh_config_comment", "ssh_config_localnetwork", "ssh_config_time"])
def test_what_openssh_takes_is_taken(sshd: Sshd, linked: Connect, name: str) -> None:
    sshd.config.write_text(case(name, sshd))
    assert works(linked(host="board"))


def test_a_host_whose_keys_are_kept_nowhere_is_trusted_for_the_command(stranger: Sshd, linked: Connect) -> None:
    """tests/cases/devices/ssh_config_devnull: usual for boards, whose keys change with each image."""
    notes: list[str] = []
    stranger.config.write_text(case("ssh_config_devnull", stranger))
    assert works(linked(host="board", access=Access(note=notes.append)))
    assert notes[0].endswith("trusted for this command: /dev/null keeps nothing")
    stranger.new_host_key()
    stranger.restart()
    assert works(linked(host="board"))


def test_dev_null_alone_trusts_nobody(stranger: Sshd, linked: Connect) -> None:
    stranger.config.write_text("UserKnownHostsFile /dev/null\n")
    with pytest.raises(DeviceUnreachableError, match="unknown host"):
        linked(stranger)
    assert works(linked(stranger, NEW))


@pytest.mark.parametrize(("strict", "trusted"), [("no", True), ("accept-new", True), ("yes", False), ("ask", False)])
def test_the_configuration_may_trust_new_hosts(stranger: Sshd, linked: Connect, strict: str, trusted: bool) -> None:
    stranger.config.write_text(f"Host {stranger.host}\n StrictHostKeyChecking {strict} # of the lab\n")
    if trusted:
        assert works(linked(stranger))
        assert stranger.known_hosts.read_text() == stranger.known_line() + "\n"
    else:
        with pytest.raises(DeviceUnreachableError, match="unknown host"):
            linked(stranger)


def test_no_configuration_trusts_a_changed_key(sshd: Sshd, linked: Connect) -> None:
    sshd.config.write_text("StrictHostKeyChecking no\n")
    sshd.new_host_key()
    sshd.restart()
    with pytest.raises(DeviceUnreachableError, match="HAS CHANGED"):
        linked(sshd)


def test_an_agent_that_is_gone_is_no_matter(sshd: Sshd, linked: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(sshd.home / "gone"))
    assert works(linked(sshd))


def test_a_name_of_the_configuration(sshd: Sshd, linked: Connect, tmp_path: Path) -> None:
    key = make_key(tmp_path / "elsewhere")
    sshd.authorize(key)
    known = sshd.known_hosts.rename(tmp_path / "known")
    lines = [
        "Host board",
        f"HostName {sshd.host}",
        f"Port {sshd.port}",
        f"User {sshd.user}",
        f"IdentityFile {key}",
        f"UserKnownHostsFile {known}",
    ]
    sshd.config.write_text("\n  ".join(lines) + "\n")
    assert works(linked(host="board"))


def test_an_alias_of_the_host_key(sshd: Sshd, linked: Connect) -> None:
    sshd.config.write_text(f"Host board\n HostName {sshd.host}\n Port {sshd.port}\n HostKeyAlias that-board\n")
    sshd.known_hosts.write_text(f"that-board {public_words(sshd.host_key)}\n")
    assert works(linked(host="board"))


def test_the_target_wins_over_the_configuration(sshd: Sshd, linked: Connect) -> None:
    sshd.config.write_text(f"Host {sshd.host}\n Port 1\n User nobody-of-that-name\n")
    assert works(linked(sshd, user=sshd.user))


def test_no_file_of_known_hosts_trusts_nobody(sshd: Sshd, linked: Connect) -> None:
    sshd.config.write_text("UserKnownHostsFile none\n")
    with pytest.raises(DeviceUnreachableError, match="unknown host"):
        linked(sshd, NEW)


def test_a_broken_configuration_is_named(sshd: Sshd, linked: Connect) -> None:
    sshd.config.write_text("\nPort many\n")
    with pytest.raises(ConfigError, match="line 2"):
        linked(host=sshd.host)


@pytest.fixture
def behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Sshd, Sshd]]:
    """A jump host, and a board that takes another key; both take the client's home for theirs."""
    with Sshd(tmp_path / "jump") as jump, Sshd(tmp_path / "board", known=False) as board:
        use_home(monkeypatch, jump.home)
        with jump.known_hosts.open("a") as known:
            known.write(board.known_line() + "\n")
        board.authorize(jump.key)
        yield jump, board


def test_through_a_jump_host_of_the_target(behind: tuple[Sshd, Sshd], linked: Connect) -> None:
    jump, board = behind
    link = linked(board, jump=f"{jump.user}@{jump.host}:{jump.port}")
    assert works(link)
    assert link.facts()["jumps"] == 1
    assert "Accepted publickey" in jump.log


def test_through_a_jump_host_of_the_configuration(behind: tuple[Sshd, Sshd], linked: Connect) -> None:
    jump, board = behind
    lines = [
        f"Host gate\n HostName {jump.host}\n Port {jump.port}",
        f"Host board\n HostName {board.host}\n Port {board.port}\n ProxyJump gate",
    ]
    jump.config.write_text("\n".join(lines) + "\n")
    assert works(linked(host="board"))
    assert "Accepted publickey" in jump.log


def test_both_hosts_on_the_way_can_be_new(behind: tuple[Sshd, Sshd], linked: Connect) -> None:
    jump, board = behind
    jump.known_hosts.unlink()
    way = f"{jump.host}:{jump.port}"
    with pytest.raises(DeviceUnreachableError, match=f"{jump.host}:{jump.port}: unknown host"):
        linked(board, jump=way)
    assert works(linked(board, NEW, jump=way))
    assert jump.known_hosts.read_text().splitlines() == [jump.known_line(), board.known_line()]


def test_a_jump_host_that_cannot_reach_the_board(behind: tuple[Sshd, Sshd], linked: Connect) -> None:
    jump, board = behind
    board.stop()
    with pytest.raises(DeviceUnreachableError, match=f"{board.host}:{board.port}: .*[Rr]efused"):
        linked(board, jump=f"{jump.host}:{jump.port}")


def test_nobody_listens(sshd: Sshd, linked: Connect) -> None:
    port = free_port()
    with pytest.raises(DeviceUnreachableError, match=f"{sshd.host}:{port}: connection refused"):
        linked(host=sshd.host, port=port)


def test_no_such_host(sshd: Sshd, linked: Connect) -> None:
    with pytest.raises(DeviceUnreachableError, match="no such host"):
        linked(host="no-such-host.invalid")


def test_a_host_that_never_answers(sshd: Sshd, linked: Connect) -> None:
    sshd.config.write_text("ConnectTimeout 1\n")
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(DeviceUnreachableError, match="no answer"):
        linked(host="127.0.0.1", port=silent.getsockname()[1])


@contextmanager
def full() -> Iterator[int]:
    """A port whose queue of connections is full, so that it answers nobody: as a host that is switched off."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as callers:
        for _ in range(4):
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_a_host_that_is_switched_off_is_not_waited_for(
    sshd: Sshd, linked: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.devices.ssh.pool.REACH_S", 0.2)
    with full() as port, pytest.raises(DeviceUnreachableError, match=r"no answer within 0\.2 s") as lost:
        linked(host="127.0.0.1", port=port)
    assert "ConnectTimeout" in (lost.value.hint or "")


def test_the_ssh_configuration_says_how_long_to_wait(
    sshd: Sshd, linked: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.devices.ssh.pool.REACH_S", 0.0001)
    sshd.config.write_text("ConnectTimeout 1\n")
    with full() as port, pytest.raises(DeviceUnreachableError, match=r"no answer$"):
        linked(host="127.0.0.1", port=port)


def test_a_host_that_accepts_has_longer_to_log_us_in(
    sshd: Sshd, linked: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small board takes seconds over its keys."""
    monkeypatch.setattr("lab.devices.ssh.pool.REACH_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as slow:

        def answer() -> None:
            client, _ = slow.accept()
            time.sleep(0.4)
            with client:
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(DeviceUnreachableError) as refused:
            linked(host="127.0.0.1", port=slow.getsockname()[1])
        thread.join()
    assert "within" not in str(refused.value)


@pytest.mark.parametrize("says", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-1.0-old\r\n", b"\x1b[2J\xff\x00\r\n" * 99])
def test_what_is_no_ssh_server_is_an_error_without_its_control_characters(
    sshd: Sshd, linked: Connect, says: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            client, _ = listener.accept()
            with client:
                client.sendall(says)
                client.shutdown(socket.SHUT_WR)
                while client.recv(4096):
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(DeviceUnreachableError) as refused:
            linked(host="127.0.0.1", port=listener.getsockname()[1])
        thread.join()
    assert str(refused.value).isprintable()


def test_nothing_is_left_open_or_running(sshd: Sshd, linked: Connect) -> None:
    def held() -> tuple[set[threading.Thread], set[str]]:
        return set(threading.enumerate()), {path.name for path in Path("/proc/self/fd").iterdir()}

    linked(sshd).close()  # what is made once in a process is made
    before = held()
    link = linked(sshd)
    assert works(link)
    link.close()
    assert held() == before


@pytest.mark.parametrize(
    ("command", "what", "hint"),
    [
        (
            "/opt/missing/nc %h %p",
            "by its ProxyCommand /opt/missing/nc: No such file or directory",
            "install that program",
        ),
        ("/dev/null %h", "by its ProxyCommand /dev/null: Permission denied", "install that program"),
        ("/bin/false", "by its ProxyCommand /bin/false: ", "try the ProxyCommand by itself: /bin/false"),
    ],
)
def test_a_proxy_command_that_fails_is_named(sshd: Sshd, linked: Connect, command: str, what: str, hint: str) -> None:
    sshd.config.write_text(f"Host {sshd.host}\n  ProxyCommand {command}\n")
    with pytest.raises(DeviceUnreachableError) as refused:
        linked(sshd)
    assert what in refused.value.what
    assert hint in str(refused.value.hint)


def test_a_proxy_command_that_works(sshd: Sshd, linked: Connect) -> None:
    pipe = "import socket,sys,threading,os; s=socket.create_connection((sys.argv[1],int(sys.argv[2])));"
    pipe += "f=lambda: [os.write(1,d) for d in iter(lambda: s.recv(65536), b'')];"
    pipe += (
        "threading.Thread(target=f,daemon=True).start(); [s.sendall(d) for d in iter(lambda: os.read(0,65536), b'')]"
    )
    script = sshd.home / "pipe.py"
    script.write_text(pipe)
    sshd.config.write_text(f"Host {sshd.host}\n  ProxyCommand {sys.executable} {script} %h %p\n")
    assert works(linked(sshd))
