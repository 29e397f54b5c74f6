"""The keys to offer a host: that of the target, the agent's, those of the configuration or the usual ones."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from lab.core.text import said
from lab.devices.ssh.check import is_private, key_path, open_to_others
from lab.devices.ssh.route import Resolved

AGENT_S = 10.0  # to list its keys
USUAL = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


@dataclass
class Keys:
    """What can be offered, and why the rest cannot (`left_out`, one line each)."""

    pairs: list[asyncssh.SSHKeyPair] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def add_file(self, path: Path) -> None:
        """Take the private key in a file, unless something is wrong with it."""
        try:
            if not is_private(path):
                return
            wrong = open_to_others(path)
            pairs = [] if wrong else list(asyncssh.load_keypairs(str(path), ignore_encrypted=True))
        except (OSError, ValueError, asyncssh.KeyImportError) as problem:
            self.left_out += [] if isinstance(problem, FileNotFoundError) else [f"{path}: {said(problem)}"]
            return
        if wrong:
            self.left_out.append(f"{path}: {wrong}; chmod 600 {path}")
        elif not pairs:
            self.left_out.append(f"{path}: has a passphrase; ssh-add {path}")
        else:
            self._add(pairs, str(path))

    def add_agent(self, pairs: Sequence[asyncssh.SSHKeyPair]) -> None:
        """Take keys that the agent holds."""
        self._add(pairs, "ssh-agent")

    def _add(self, pairs: Sequence[asyncssh.SSHKeyPair], where: str) -> None:
        """Take those that are not there yet: each one that a host is shown counts."""
        there = {pair.public_data for pair in self.pairs}
        new = [pair for pair in pairs if pair.public_data not in there]
        self.pairs += new
        self.tried += [f"{len(new)} of {where}" if where == "ssh-agent" else where] if new else []


@asynccontextmanager
async def keys_for(hop: Resolved) -> AsyncIterator[Keys]:
    """Yield the keys to offer; those of the agent can sign until the end of the block."""
    keys = Keys()
    own = [key_path(hop.hop.key)] if hop.hop.key else []
    named = [*own, *(hop.path(name) for name in hop.setting("IdentityFile", ()))]
    usual = [] if len(named) > len(own) else [Path(name).expanduser() for name in USUAL]
    agent = await _agent(hop)
    try:
        # A host ends the connection after a few keys that it does not take: those that somebody named go first.
        held = [] if agent is None else await _held(keys, agent)
        keys.add_agent(_matching(held, [*named, *usual]))
        for path in named:
            keys.add_file(path)
        if not hop.setting("IdentitiesOnly"):
            keys.add_agent(held)
        for path in usual:
            keys.add_file(path)
        yield keys
    finally:
        if agent is not None:
            agent.close()
            await agent.wait_closed()


async def _agent(hop: Resolved) -> asyncssh.SSHAgentClient | None:
    path = hop.setting("IdentityAgent", os.environ.get("SSH_AUTH_SOCK"))
    if not path or path == "SSH_AUTH_SOCK":
        path = os.environ.get("SSH_AUTH_SOCK") if path else None
    if not path:
        return None
    with suppress(OSError, asyncssh.Error):
        return await asyncssh.connect_agent(str(hop.path(str(path))))
    return None


async def _held(keys: Keys, agent: asyncssh.SSHAgentClient) -> Sequence[asyncssh.SSHKeyPair]:
    try:
        return await asyncio.wait_for(agent.get_keys(), AGENT_S)
    except (OSError, ValueError, asyncssh.Error) as problem:
        keys.left_out.append(f"ssh-agent: {said(problem)}")
        return []


def _matching(held: Sequence[asyncssh.SSHKeyPair], paths: Sequence[Path]) -> list[asyncssh.SSHKeyPair]:
    """Return those of the agent whose public halves lie at `paths`, in the order of these."""
    wanted = _public_halves(paths) if held else []
    return [pair for public in wanted for pair in held if pair.public_data == public]


def _public_halves(paths: Sequence[Path]) -> list[bytes]:
    found = []
    for path in paths:
        for public in (path, path.with_name(path.name + ".pub")):
            with suppress(OSError, ValueError, asyncssh.KeyImportError):
                found.append(asyncssh.read_public_key(str(public)).public_data)
                break
    return found
