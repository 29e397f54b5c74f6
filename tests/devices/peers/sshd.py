"""A private OpenSSH server on loopback, with keys, known_hosts and ssh configuration of its own.

It runs as whoever runs the tests, root or not, and logs that user in. `home` is a home folder for the client:
point HOME at it, and every file that ssh would read there is one of this server. `remote_home` is the home folder of
whoever is logged in.
"""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

from lab.devices.qemu.running import free_port
from tests.devices.peers.programs import program

START_S = 20.0
HOST = "127.0.0.1"
# Each connection of sshd is a process in a session of its own, so no process group holds them all.
PRIVILEGE_SEPARATION = Path("/run/sshd")


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """Make a key pair at `path` and `path`.pub."""
    keygen = program("ssh-keygen", "openssh-client")
    subprocess.run([keygen, "-q", "-t", kind, "-N", passphrase, "-C", "", "-f", str(path)], check=True)
    return path


def public_words(key: Path) -> str:
    """Return the kind and the base64 of the public half of the key at `key`."""
    return " ".join(key.with_name(key.name + ".pub").read_text().split()[:2])


def fingerprint(key: Path) -> str:
    """Return the SHA256:... of a key, as OpenSSH prints it."""
    keygen = program("ssh-keygen", "openssh-client")
    done = subprocess.run([keygen, "-l", "-f", str(key)], check=True, capture_output=True, text=True)
    return done.stdout.split()[1]


class Sshd:
    """Started on entry, ended on exit with every connection of it; `options` are lines of sshd_config.

    `prefix` is put before the command line: the words that enter a namespace (see SlowLink.prefix).
    """

    def __init__(
        self,
        folder: Path,
        *,
        options: Mapping[str, object] | None = None,
        prefix: Iterable[str] = (),
        known: bool = True,
    ) -> None:
        self.host, self.port, self.user = HOST, free_port(), getpass.getuser()
        self.home = folder / "home"
        self.dot_ssh = self.home / ".ssh"
        self.remote_home = folder / "remote-home"
        self._server = folder / "server"
        self.options: dict[str, object] = {"MaxSessions": 50, "MaxStartups": "50:30:100", **(options or {})}
        self._prefix = list(prefix)
        self._process: subprocess.Popen[bytes] | None = None
        self._server.mkdir(parents=True)
        self.remote_home.mkdir()
        self.dot_ssh.mkdir(parents=True, mode=0o700)
        self.host_key = make_key(self._server / "host_key")
        self.key = make_key(self.dot_ssh / "id_ed25519")
        self.known_hosts = self.dot_ssh / "known_hosts"
        self.config = self.dot_ssh / "config"
        self.authorize(self.key)
        if known:
            self.know()

    @property
    def log(self) -> str:
        """What the server has logged."""
        return (self._server / "log").read_text()

    def know(self) -> None:
        """Write the host key to the client's known_hosts, beside what is there."""
        with self.known_hosts.open("a") as out:
            out.write(self.known_line() + "\n")

    def known_line(self, port: int | None = None) -> str:
        """Return the line of known_hosts for this server (reached at `port`)."""
        return f"[{self.host}]:{port or self.port} {public_words(self.host_key)}"

    def authorize(self, *keys: Path) -> None:
        """Let those who have one of these keys in, and nobody else."""
        text = "".join(public_words(key) + "\n" for key in keys)
        (self._server / "authorized_keys").write_text(text)

    def new_host_key(self, kind: str = "ed25519") -> None:
        """Change the host key: it counts from the next start."""
        self.host_key = make_key(self._server / f"host_key_{time.monotonic_ns()}", kind)

    def start(self) -> None:
        """Start, and return when it answers."""
        if os.geteuid() == 0:
            PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        (self._server / "config").write_text(self._config())
        sshd = program("sshd", "openssh-server")
        argv = [*self._prefix, sshd, "-D", "-f", str(self._server / "config"), "-E", str(self._server / "log")]
        self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        self._await()

    def stop(self) -> None:
        """End the server and every connection, as a device that loses its power does."""
        process, self._process = self._process, None
        if process is None:
            return
        for pid in [process.pid, *descendants(process.pid)]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()

    def restart(self) -> None:
        """Stop and start, on the same port."""
        self.stop()
        self.start()

    def __enter__(self) -> Sshd:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _config(self) -> str:
        always = {
            "Port": self.port,
            "ListenAddress": self.host,
            "HostKey": self.host_key,
            "PidFile": "none",
            "AuthorizedKeysFile": self._server / "authorized_keys",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "UsePAM": "no",
            "StrictModes": "no",
            "PermitRootLogin": "prohibit-password",
            "Subsystem": "sftp internal-sftp",
            "SetEnv": f"HOME={self.remote_home}",
        }
        return "".join(f"{name} {value}\n" for name, value in {**always, **self.options}.items())

    def _await(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_S
        while f"Server listening on {self.host} port {self.port}" not in self._log_since_start():
            assert self._process.poll() is None, f"sshd ended: {self.log}"
            assert time.monotonic() < deadline, f"sshd does not listen: {self.log}"
            time.sleep(0.01)  # the only word that it gives is its log
        self._seen = len(self.log)

    _seen = 0

    def _log_since_start(self) -> str:
        path = self._server / "log"
        return path.read_text()[self._seen :] if path.exists() else ""


def descendants(pid: int) -> list[int]:
    """Return every process below `pid`, parents first; one that has ended meanwhile has none."""
    found = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:
        return []
    for task in tasks:
        try:
            children = [int(word) for word in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found
