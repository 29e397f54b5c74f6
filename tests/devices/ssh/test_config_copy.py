"""What lab makes of a configuration, held against `ssh -G`."""

from __future__ import annotations

import getpass
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.devices.ssh import route
from lab.devices.ssh.config_copy import Copies, argv_words
from lab.devices.ssh.route import Hop, Resolved
from lab.formats.transports import SshSpec
from tests.devices.peers.programs import program

HOST = "board"
CASES = Path("tests/cases/devices")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(route, "CONFIGURATION", (str(tmp_path / "config"),))
    return tmp_path / "config"


def by_ssh(config: Path) -> dict[str, list[str]] | None:
    """What `ssh -G` says; None where it refuses the file."""
    argv = [program("ssh", "openssh-client"), "-F", str(config), "-G", HOST]
    done = subprocess.run(argv, capture_output=True, check=False)
    found: dict[str, list[str]] = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, []).append(value)
    return found if done.returncode == 0 else None


def plain(path: str, hop: Resolved) -> str:
    return str(hop.path(path))


def agrees(config: Path) -> None:
    """Compare every setting that lab goes by."""
    wanted = by_ssh(config)
    assert wanted is not None, config.read_bytes()
    hop = Resolved(Hop(HOST))
    user, _, place = hop.address.partition("@")
    host, _, port = place.rpartition(":")
    assert ([host], [port], [user]) == (wanted["hostname"], wanted["port"], wanted["user"])
    named = hop.setting("IdentityFile", ())
    if named:
        assert list(dict.fromkeys(plain(one, hop) for one in named)) == [
            plain(one, hop) for one in wanted["identityfile"]
        ]
    files = [plain(one, hop) for one in wanted["userknownhostsfile"][0].split(" ") if one != "none"]
    assert " ".join(map(str, hop.user_files())) == " ".join(files)
    assert hop.jumps == wanted.get("proxyjump", [""])[0].removeprefix("none")
    seconds = wanted["connecttimeout"][0]
    assert (hop.setting("ConnectTimeout") or 0) == (0 if seconds == "none" else int(seconds))
    assert hop.accepts_new is (wanted["stricthostkeychecking"][0] in ("false", "off", "accept-new"))


@pytest.mark.parametrize("name", ["ssh_config_comment", "ssh_config_devnull", "ssh_config_time"])
def test_the_cases_are_read_as_ssh_reads_them(config: Path, name: str) -> None:
    config.write_bytes((CASES / name).read_bytes())
    agrees(config)


@pytest.mark.parametrize(
    "text",
    [
        b"Host board # the one\n HostName=10.0.0.7\n Port = 2222 # \xe9t\xe9\n",
        b"# caf\xe9 \xff\nHost board\n User DOMAIN\\me\n",
        b"ConnectTimeout 1h30m\nServerAliveInterval 2m\n",
        b"ConnectTimeout none\nConnectTimeout 5\n",
        b"Port ssh\n",
        b"IdentityFile ~/.ssh/my\\ key\nIdentityFile \"%d/two words\"\nIdentityFile '/tmp/#3'\n",
        b"UserKnownHostsFile /dev/null ~/.ssh/of_%h\nPubkeyAuthentication unbound\n",
        b"UserKnownHostsFile none\n",
        b'"Host" "board"\n"HostName" "10.0.0.7"\n\tPort\t2222\x0c\r\n',
        b'Host *\n Host=board\n HostName %h.example\nMatch host board.example exec "test a=a"\n Port 99\n',
        b'Match exec "false"\n Port 99\nMatch all # rest\n Port 98\n',
        b"Match originalhost=board user=" + getpass.getuser().encode() + b"\n Port 97\n",
        b"Match final all\n Port 96\nHost board\n HostName 10.1.1.1\n",
        b"Host !board *\n Port 94\nHost b?ard\n Port 93\n",
        b"ProxyJump me@one:22,two # through both\n",
        b"ProxyJump none\nProxyJump one\n",
        b"LocalCommand echo 'x=1'\nStrictHostKeyChecking accept-new # new ones\n",
        b"ForwardAgent yes\nSendEnv LANG LC_*\nIPQoS lowdelay throughput\nRekeyLimit 1G 1h\n",
    ],
)
def test_other_lines_are_read_as_ssh_reads_them(config: Path, text: bytes) -> None:
    config.write_bytes(text)
    agrees(config)


def test_a_network_that_this_machine_is_in(config: Path) -> None:
    """Newer than Debian 12's ssh, so nothing is there to ask; tests/cases/devices/ssh_config_localnetwork."""
    config.write_bytes((CASES / "ssh_config_localnetwork").read_bytes())
    assert Resolved(Hop(HOST)).address.endswith("@127.0.0.1:22")
    config.write_text("Match localnetwork 127.0.0.0/8\n Port 95\nMatch localnetwork 203.0.113.0/24\n User nobody\n")
    assert Resolved(Hop(HOST)).address == f"{getpass.getuser()}@{HOST}:95"


def test_an_include_is_read_where_it_stands(config: Path) -> None:
    more = config.parent / "more"
    more.write_text("HostName 10.0.0.9 # of more\nHost other\n Port 5\n")
    config.write_text(f"Host board\n Include {more} # these\n Port 6\nHost nobody\n Include {more}\n")
    agrees(config)
    config.write_text(f"Include {config.parent}/nothing*\nHost board\n Port 7\n")
    agrees(config)


def test_an_error_names_the_file_and_not_its_copy(config: Path) -> None:
    config.write_text("Port 1\n\nCompression perhaps\n")
    with pytest.raises(Exception, match=rf"{config} line 3: Invalid Compression") as caught:
        route.route(SshSpec(host=HOST))
    assert "lab-ssh-" not in str(caught.value)


def test_the_copies_go_with_the_object(config: Path) -> None:
    config.write_text("Port 1\n")
    copies = Copies([str(config)])
    (path,) = copies.paths
    assert Path(path).parent.stat().st_mode & 0o777 == 0o700
    del copies
    assert not Path(path).exists()


WORD = st.text("ab1._-/", min_size=1, max_size=8)
QUOTING = st.sampled_from(["{}", '"{}"', "'{}'", '"{} {}"', "{}\\ x", "{}#y", "{}\\z", '{}"q"'])
COMMENT = st.sampled_from(["", " # why", "\t#x y", '  # "odd', " "])
NAMES = st.sampled_from(["10.0.0.7", "board.lab", "%h.local", "fe80::1", "x%%y"])
TIMES = st.sampled_from(["7", "0030", "1m", "1h30m", "2d", "1w1s", "none", "90S"])
LINE = st.one_of(
    st.tuples(st.just("HostName"), NAMES),
    st.tuples(st.just("Port"), st.sampled_from(["22", "2222", "ssh", "http", '"42"'])),
    st.tuples(st.just("User"), st.builds(str.format, QUOTING, WORD, WORD)),
    st.tuples(st.just("IdentityFile"), st.builds(str.format, QUOTING, WORD.map("/k/{}".format), WORD)),
    st.tuples(st.just("UserKnownHostsFile"), st.sampled_from(["/dev/null", "/a/b /c/d", '"/x y"', "~/.k %d/h"])),
    st.tuples(st.just("ProxyJump"), st.sampled_from(["none", "one", "me@one:2,two", "[fe80::1]:3"])),
    st.tuples(st.just("ConnectTimeout"), TIMES),
    st.tuples(st.just("StrictHostKeyChecking"), st.sampled_from(["no", "yes", "ask", "off", "accept-new"])),
    st.tuples(st.just("Host"), st.sampled_from(["board", "*", "b*", "!board *", "other", "x board", "BOARD"])),
    st.tuples(st.just("Match"), st.sampled_from(["all", "host board", 'exec "true"', "!host board"])),
)
SPELLED = st.tuples(LINE, st.sampled_from([" ", "=", " = ", "\t"]), COMMENT).map(
    lambda parts: f"{parts[0][0]}{parts[1]}{parts[0][1]}{parts[2]}"
)


@given(lines=st.lists(SPELLED, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_ssh_takes_is_read_as_ssh_reads_it(config: Path, lines: list[str]) -> None:
    config.write_text("\n".join(lines) + "\n")
    if by_ssh(config) is not None:
        agrees(config)


@given(st.text("ab \\'\"#\t", max_size=20))
def test_words_end(text: str) -> None:
    try:
        words = list(argv_words(text))
    except ValueError:
        return
    assert all(isinstance(word, str) for word in words)
