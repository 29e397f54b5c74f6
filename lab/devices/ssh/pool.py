"""The connections to a host: one, and another whenever the host takes no more sessions on it.

Everything here runs in the loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncssh

from lab.core.errors import DeviceUnreachableError
from lab.core.text import said
from lab.devices.ssh.connection import WINDOW_BYTES, Connection, connect
from lab.devices.ssh.problems import unreachable
from lab.devices.ssh.route import Resolved
from lab.devices.ssh.session import Session

REACH_S = 5.0  # for a device to accept the first connection: one that is switched off is known before anything is built
TRIES = 4
BETWEEN_S = 0.05


class Pool:
    """Opens sessions. A connection that was lost is made again when the next session is asked for, once."""

    def __init__(self, route: Sequence[Resolved]) -> None:
        self.facts: dict[str, str] = {}
        self._route = route
        self._address = route[-1].address
        self._connections: list[Connection] = []
        self._connecting = asyncio.Lock()

    async def first(self) -> None:
        """Make the first connection; a host that is lost later on gets more time to come back."""
        await self._open(REACH_S)

    async def start(self, command: str) -> Session:
        """Start `command`; return our end of its channel."""
        if session := await self._start_on_any(command):
            return session
        # Those who find no room at the same time wait for one another's connection, and try that one first.
        async with self._connecting:
            session = await self._start_on_any(command) or await self._start_on(await self._open(), command)
        if session is None:
            raise DeviceUnreachableError(
                f"{self._address}: logged in, but the host opens no session",
                hint="see MaxSessions in its sshd_config, and the login shell",
            )
        return session

    def close(self) -> None:
        """End every connection at once."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    async def _start_on_any(self, command: str) -> Session | None:
        self._connections = [connection for connection in self._connections if not connection.lost]
        for connection in self._connections:
            if not connection.full and (session := await self._start_on(connection, command)):
                return session
        return None

    async def _start_on(self, connection: Connection, command: str) -> Session | None:
        """Return None when the command was not started: no more sessions here, or the connection is lost."""
        session = await self._try(connection, command)
        # A host counts a session for a moment after it has told us of its end: one of few sessions would refuse us.
        for _ in range(TRIES):
            if session is not None or connection.busy or connection.lost:
                break
            await asyncio.sleep(BETWEEN_S)
            session = await self._try(connection, command)
        if session is None:
            connection.refuses()
        return session

    async def _try(self, connection: Connection, command: str) -> Session | None:
        session = Session(ended=lambda: connection.drop(session))
        connection.add(session)
        try:
            await connection.ssh.create_session(
                lambda: session, command, encoding=None, request_pty=False, x11_forwarding=False, window=WINDOW_BYTES
            )
        except (OSError, asyncssh.Error) as problem:
            connection.drop(session)
            if session.started and connection.lost:  # nobody knows whether it ran: it must not run twice
                raise unreachable(self._address, problem) from problem
            return None
        return session

    async def _open(self, reach_s: float | None = None) -> Connection:
        connection = await connect(self._route, reach_s)
        self._connections.append(connection)
        ssh = connection.ssh
        self.facts = {
            "cipher": said(ssh.get_extra_info("send_cipher")),
            "server": said(ssh.get_extra_info("server_version")),
        }
        return connection
