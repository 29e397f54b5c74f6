"""What the user's ssh configuration makes of a host: where it is, who logs in, through whom."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from lab.core.text import said
from lab.devices.ssh.config_copy import Copies
from lab.devices.ssh.config_lines import check_files, expanded
from lab.devices.ssh.known_hosts import GLOBAL, USER, KnownHosts
from lab.devices.ssh.problems import bad_configuration
from lab.formats.transports import SshSpec

CONFIGURATION = ("~/.ssh/config", "/etc/ssh/ssh_config")
USUAL_PORT = 22
HOPS_MAX = 8


@dataclass(frozen=True)
class Hop:
    """One host on the way, as asked for; 0 and "" leave it to the configuration."""

    host: str
    port: int = 0
    user: str = ""
    key: str = ""
    known_hosts: str = ""

    def arguments(self, config: Sequence[str]) -> dict[str, Any]:
        """Return what asyncssh is told of this host, with the files of a configuration."""
        return {
            "host": self.host,
            "port": self.port or (),
            "username": self.user or (),
            "config": list(config),
        }

    def options(self, config: Sequence[str]) -> asyncssh.SSHClientConnectionOptions:
        """Return what asyncssh makes of the configuration; a `Match final` in it is read in a second turn, as ssh does.

        No keys here: they are read by keys.py, which says what is wrong with them.
        """
        given = {**self.arguments(config), "client_keys": None, "known_hosts": b""}
        found = asyncssh.SSHClientConnectionOptions(**given)
        if found.config.has_match_final():
            return asyncssh.SSHClientConnectionOptions(**given, final=True)
        return found


class Resolved:
    """A hop with the configuration applied."""

    def __init__(self, hop: Hop) -> None:
        self.hop = hop
        self.trusted: list[asyncssh.SSHKey] = []  # for this command, where no file keeps them
        check_files(configuration_files())
        self._copies, strict = (
            Copies(configuration_files()),
            Copies(configuration_files(), asked="StrictHostKeyChecking"),
        )
        try:
            self._options = hop.options(self._copies.paths)
            self._strict = str(hop.options(strict.paths).host_key_alias or "ask").lower()
        except (ValueError, OSError, OverflowError, RuntimeError, asyncssh.Error) as problem:
            raise bad_configuration(strict.original(self._copies.original(said(problem)))) from problem

    def arguments(self) -> dict[str, Any]:
        """Return what asyncssh is told of this host, to connect to it."""
        return self.hop.arguments(self._copies.paths)

    @property
    def accepts_new(self) -> bool:
        """Whether the configuration says to trust a new host without a question; a changed key is never trusted."""
        return self._strict in ("no", "off", "false", "accept-new")

    @property
    def address(self) -> str:
        """user@host:port, for people."""
        return f"{self._options.username}@{self._options.host}:{self._options.port}"

    @property
    def words(self) -> str:
        """What to type after `ssh` to reach it by hand."""
        user = f"{self.hop.user}@" if self.hop.user else ""
        port = f"-p {self.hop.port} " if self.hop.port else ""
        return f"{port}{user}{self.hop.host}"

    @property
    def jumps(self) -> str:
        """The hosts to go through, as ProxyJump has them."""
        return str(self._options.tunnel or "")

    def setting(self, name: str, default: Any = None) -> Any:
        """Return a setting of the configuration by its ssh name."""
        return self._options.config.get(name, default)

    def known_hosts(self) -> KnownHosts:
        """Return what is known of the host's key."""
        host, port = self._options.host.lower(), self._options.port
        files = [*self.user_files(), *map(self.path, self.setting("GlobalKnownHostsFile", GLOBAL))]
        if self._options.host_key_alias:
            return KnownHosts(self._options.host_key_alias, [], files, self.trusted)
        if port == USUAL_PORT:
            return KnownHosts(host, [], files, self.trusted)
        return KnownHosts(f"[{host}]:{port}", [host], files, self.trusted)

    def known_hosts_file(self) -> Path | None:
        """Return the file that a new host's key is added to."""
        files = self.user_files()
        return files[0] if files else None

    def user_files(self) -> Sequence[Path]:
        """Return the user's files of host keys, in order."""
        if self.hop.known_hosts:
            return [self.path(self.hop.known_hosts)]
        return [self.path(name) for name in self.setting("UserKnownHostsFile", USER)]

    def path(self, text: str) -> Path:
        """Return the path that a setting names; ConfigError for the home folder of nobody."""
        return expanded(re.sub(r"%(.)|\$\{(\w+)\}", self._token, text), configuration_files())

    def _token(self, found: re.Match[str]) -> str:
        """Return what stands for a token of ssh_config or a variable; what it is not is left as it is."""
        options = self._options
        tokens = {
            "%": "%",
            "d": str(Path.home()),
            "h": options.host,
            "i": str(os.getuid()),
            "k": options.host_key_alias or options.host,
            "l": socket.gethostname(),
            "L": socket.gethostname().partition(".")[0],
            "n": self.hop.host,
            "p": str(options.port),
            "r": options.username,
            "u": getpass.getuser(),
        }
        return tokens.get(found[1], found[0]) if found[1] else os.environ.get(found[2], found[0])


def configuration_files() -> list[str]:
    """Return the ssh configuration files that are there, the user's first."""
    return [str(path) for path in (Path(name).expanduser() for name in CONFIGURATION) if path.is_file()]


def route(spec: SshSpec) -> list[Resolved]:
    """Return the hosts to go through, in order, and the one to reach at the end."""
    last = Resolved(Hop(spec.host, spec.port, spec.user, spec.key, spec.known_hosts))
    return [*_before(spec.jump or last.jumps, depth=0), last]


def _before(jumps: str, depth: int) -> list[Resolved]:
    hops = [Resolved(parse_jump(jump)) for jump in jumps.split(",") if jump]
    if depth >= HOPS_MAX or len(hops) > HOPS_MAX:
        raise bad_configuration(ValueError(f"ProxyJump {jumps}: more than {HOPS_MAX} hosts to go through"))
    # The first of them may itself be behind another, by the configuration.
    return [*_before(hops[0].jumps, depth + 1), *hops] if hops else []


def parse_jump(text: str) -> Hop:
    """Return the hop of "[user@]host[:port]", as ProxyJump has it."""
    user, _, place = text.strip().removeprefix("ssh://").rpartition("@")
    host, colon, port = place.rpartition(":")
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        port = port.removeprefix(":")
    elif not colon or ":" in host:  # no port, or an address of IPv6 without one
        host, port = place, ""
    if not host or not re.fullmatch(r"[0-9]{0,5}", port) or int(port or 0) >= 65_536:
        raise bad_configuration(ValueError(f"jump: {text[:60]!r} is not [user@]host[:port]"))
    return Hop(host, int(port or 0), user)
