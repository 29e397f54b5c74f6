"""One connection: through the jump hosts, host keys checked strictly, keys offered, in asyncssh's hands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import asyncssh

from lab.core.errors import DeviceUnreachableError
from lab.devices.ssh.keys import Keys, keys_for
from lab.devices.ssh.known_hosts import KnownHosts
from lab.devices.ssh.problems import FirstContactError, key_words, not_reached, unreachable, unreachable_by
from lab.devices.ssh.route import Resolved

CONNECT_S = 20  # until it is logged in: a small board takes seconds over its keys
# A peer that is gone without a word is noticed after (count + 1) * interval seconds.
KEEPALIVE: dict[str, Any] = {"keepalive_interval": 7, "keepalive_count_max": 2}
# AES in GCM is the fastest of all where the processor has it; the rest stays on offer behind it.
CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
WINDOW_BYTES = 8 << 20
HOST_KEY_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512")


class Greeter(asyncssh.SSHClient):
    """Judges a host's key when known_hosts does not name it, and notices the end of the connection."""

    def __init__(self, known: KnownHosts, reached: Callable[[], None]) -> None:
        self.offered: asyncssh.SSHKey | None = None
        self.lost = False
        self._known = known
        self._reached = reached

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """Somebody accepts connections there; nothing was exchanged yet."""
        self._reached()

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Whether to trust a key that no line of this very name has."""
        self.offered = key
        return not self._known.bindings and self._known.known_otherwise(key)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember that it is over."""
        self.lost = True


class Connection:
    """A connection that is logged in. `full` is set while the host takes no more sessions on it."""

    def __init__(self, ssh: asyncssh.SSHClientConnection, greeter: Greeter) -> None:
        self.ssh = ssh
        self.full = False
        self._sessions: set[object] = set()
        self._greeter = greeter

    @property
    def lost(self) -> bool:
        """Whether it is over."""
        return self._greeter.lost

    @property
    def busy(self) -> bool:
        """Whether a session is open, or about to be."""
        return bool(self._sessions)

    def add(self, session: object) -> None:
        """Count a session that is about to be opened."""
        self._sessions.add(session)

    def drop(self, session: object) -> None:
        """A session has ended, or did not come about: there may be room again."""
        self._sessions.discard(session)
        self.full = False

    def refuses(self) -> None:
        """The host opens no session: it has enough, or, if it has none, the connection is of no use."""
        self.full = True
        if not self.busy:
            self.close()

    def close(self) -> None:
        """End it at once, with those that it goes through."""
        self._greeter.lost = True
        self.ssh.abort()


async def connect(route: Sequence[Resolved], reach_s: float | None = None) -> Connection:
    """Return a connection to the last host of the route; each is given up if it accepts none within `reach_s` seconds.

    ConnectTimeout of the ssh configuration counts instead, where it is set.

    Raises:
        FirstContactError: a host on the way is new.
        DeviceUnreachableError: it does not answer, shows another key than before, or refuses ours.
    """
    reached: Connection | None = None
    for hop in route:
        through = None if reached is None else reached.ssh
        try:
            reached = await _connect_hop(hop, through, None if hop.setting("ConnectTimeout") else reach_s)
        except BaseException:
            if through is not None:
                through.abort()
            raise
        reached.ssh.set_tunnel(through)
    assert reached is not None
    return reached


async def _connect_hop(
    hop: Resolved, through: asyncssh.SSHClientConnection | None, reach_s: float | None
) -> Connection:
    known = hop.known_hosts()
    limit = asyncio.timeout(reach_s)
    greeter = Greeter(known, reached=lambda: None if limit.expired() else limit.reschedule(None))
    async with keys_for(hop) as keys:
        try:
            async with limit:
                given = _arguments(hop, known, keys)
                ssh = await asyncssh.connect(**given, tunnel=through, client_factory=lambda: greeter)
        except asyncssh.HostKeyNotVerifiable as problem:
            raise _not_trusted(hop, known, greeter.offered, problem) from problem
        except asyncssh.PermissionDenied as problem:
            raise _refused(hop, keys) from problem
        except (OSError, ValueError, asyncssh.Error) as problem:
            if limit.expired():
                raise not_reached(hop.address, reach_s or 0.0) from problem
            if (command := hop.setting("ProxyCommand")) and through is None:
                raise unreachable_by(str(command), hop.address, problem) from problem
            raise unreachable(hop.address, problem) from problem
    return Connection(ssh, greeter)


def _arguments(hop: Resolved, known: KnownHosts, keys: Keys) -> dict[str, Any]:
    given: dict[str, Any] = {
        **hop.arguments(),
        **KEEPALIVE,
        "known_hosts": known.match,
        # An empty list would have asyncssh read the usual files, whatever their permissions are.
        "client_keys": keys.pairs or None,
        "agent_path": None,
        "agent_forwarding": False,
        "connect_timeout": hop.setting("ConnectTimeout") or CONNECT_S,
    }
    if not hop.setting("Ciphers"):
        given["encryption_algs"] = CIPHERS
    if not (known.has_authorities or hop.setting("HostKeyAlgorithms")):
        given["server_host_key_algs"] = _kinds(known)
    return given


def _kinds(known: KnownHosts) -> list[str]:
    """Return the kinds of key to ask for: the known ones first, and no certificates, which nobody could vouch for."""
    # The others too: a host that has none of the known kinds should show what it has, and be refused for that.
    kinds = [kind.decode() for line in known.lines for key in line.keys for kind in key.sig_algorithms]
    return list(dict.fromkeys([*kinds, *HOST_KEY_KINDS]))


def _not_trusted(
    hop: Resolved, known: KnownHosts, offered: asyncssh.SSHKey | None, problem: asyncssh.Error
) -> DeviceUnreachableError:
    if offered is None:  # it never came to our judgement: revoked, or a certificate that does not hold
        return unreachable(hop.address, problem)
    if known.bindings:
        return _changed(hop, known, offered)
    return FirstContactError(hop.address, hop.words, known.name, offered)


def _changed(hop: Resolved, known: KnownHosts, offered: asyncssh.SSHKey) -> DeviceUnreachableError:
    places = ", ".join(line.place for line in known.bindings)
    file = known.bindings[0].place.rpartition(":")[0]
    return DeviceUnreachableError(
        f"{hop.address}: THE HOST KEY HAS CHANGED: it shows {key_words(offered)}, and {places} has another. "
        "Nothing was sent. Either the host was set up anew, or somebody is in between",
        hint=f"find out which; if it was set up anew: ssh-keygen -R '{known.name}' -f {file}, then --accept-new",
    )


def _refused(hop: Resolved, keys: Keys) -> DeviceUnreachableError:
    tried = f"it takes none of the keys offered ({', '.join(keys.tried)})" if keys.tried else "no key to offer"
    left_out = "".join(f"; not offered: {line}" for line in keys.left_out)
    return DeviceUnreachableError(
        f"{hop.address}: login refused: {tried}{left_out}",
        hint=f"ssh-copy-id {hop.words}, or ssh-add a key that it takes, or name one in [ssh].key; sshd refuses an"
        " account, too, whose login shell is missing there",
    )
