"""What goes wrong on the way to a host, in words to act on."""

from __future__ import annotations

import errno
import socket

import asyncssh

from lab.core.errors import ConfigError, DeviceUnreachableError
from lab.core.text import said


class FirstContactError(DeviceUnreachableError):
    """Nobody has seen this host's key before, and nobody has said to trust it."""

    def __init__(self, address: str, words: str, name: str, key: asyncssh.SSHKey) -> None:
        super().__init__(
            f"{address}: unknown host: its key is {key_words(key)}, and known_hosts has no line for {name}",
            hint=f"compare the fingerprint, then say --accept-new, or `ssh {words}` once",
        )
        self.address = address
        self.name = name
        self.key = key


def key_words(key: asyncssh.SSHKey) -> str:
    """Return the kind and the fingerprint of a key: "ssh-ed25519 SHA256:..."."""
    return f"{key.get_algorithm()} {key.get_fingerprint()}"


def unreachable(address: str, problem: BaseException) -> DeviceUnreachableError:
    """Return the error for a connection that failed to come about or was lost."""
    what, hint = _words(problem)
    return DeviceUnreachableError(f"{address}: {what}", hint=hint)


def not_reached(address: str, waited_s: float) -> DeviceUnreachableError:
    """Return the error for a host that accepted no connection in the time that it had."""
    return DeviceUnreachableError(
        f"{address}: no answer within {waited_s:g} s",
        hint="is it switched on, and on this network? ConnectTimeout in ~/.ssh/config gives it longer",
    )


def unreachable_by(command: str, address: str, problem: BaseException) -> DeviceUnreachableError:
    """Return the error where the connection goes through a program, the ProxyCommand, which may be what failed."""
    name = said(command.split()[0]) if command.split() else ""
    if isinstance(problem, OSError) and problem.errno in (errno.ENOENT, errno.EACCES, errno.ENOEXEC):
        what, hint = said(problem.strerror), "install that program, or mend ProxyCommand in ~/.ssh/config"
    else:
        what, hint = _words(problem)[0], f"try the ProxyCommand by itself: {said(command)}"
    return DeviceUnreachableError(f"{address}: by its ProxyCommand {name}: {what}", hint=hint)


def bad_configuration(problem: Exception | str) -> ConfigError:
    """Return the error for an ssh configuration that asyncssh cannot read."""
    return ConfigError(
        f"ssh configuration: {said(problem)}", hint="mend that line; `ssh -G HOST` shows how ssh sees it"
    )


def _words(problem: BaseException) -> tuple[str, str | None]:
    if isinstance(problem, socket.gaierror):
        return "no such host", "check [ssh].host, or give it a HostName in ~/.ssh/config"
    if isinstance(problem, ConnectionRefusedError):
        return "connection refused", "start sshd there, or check [ssh].port"
    if isinstance(problem, TimeoutError):
        return "no answer", "is it switched on, and on this network?"
    if isinstance(problem, asyncssh.ChannelOpenError):
        return f"not opened: {said(problem.reason)}", None
    if (
        isinstance(problem, asyncssh.DisconnectError)
        and "too many authentication failures" in str(problem.reason).lower()
    ):
        return (
            f"login refused: {said(problem.reason)}: the right key was not among the few that it tries",
            ("name it in [ssh].key, or as IdentityFile with `IdentitiesOnly yes` in ~/.ssh/config: these go first"),
        )
    if isinstance(problem, asyncssh.DisconnectError):
        return f"connection lost: {said(problem.reason)}", None
    if isinstance(problem, OSError):
        return said(problem.strerror or problem), None
    return said(problem) or type(problem).__name__, None
