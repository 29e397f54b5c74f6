"""Which of an adb server's phones is meant, and what to do until it can be used."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from lab.core.errors import DeviceUnreachableError
from lab.core.text import said
from lab.devices.adb import server
from lab.devices.adb.handshake import ALLOW, ALLOW_S, OFFLINE_HINT, too_old, unauthorised
from lab.devices.adb.listing import LIST_HINT, Attached, handle, pick
from lab.devices.adb.program import start_server
from lab.devices.link import Access

CONNECT_S = 30.0
AGAIN_S = 5.0  # for a phone that says nothing the server takes 10 s to find out, and once is enough
RETRIES_S = (0.1, 0.2, 0.4, 0.8, 1.6)
UDEV_HINT = (
    "apt-get install android-sdk-platform-tools-common (its udev rules), plug the phone in again, adb kill-server"
)
TRANSPORT_ID = "host:transport-id:"

T = TypeVar("T")


@dataclass(frozen=True)
class Choice:
    """A phone by `address` (host:port), else by `wanted`, as adb calls it, else the only one; `name` is for errors."""

    name: str
    address: str
    wanted: str
    access: Access
    allow_s: float = ALLOW_S

    def phone(self) -> Attached:
        """Return the phone as the server has it now, with the state "missing" when it does not know it.

        Raises DeviceUnreachableError when there is none, or several and no word on which.
        """
        return self._among(running(server.attached))

    def _among(self, listed: Sequence[Attached]) -> Attached:
        """A target that names no phone leaves it to $ANDROID_SERIAL, as adb does where no -s is given.

        The server's number is kept only where the serial does not tell the phone from the others.
        """
        one = pick(listed, self.address or self.wanted or os.environ.get("ANDROID_SERIAL", ""), self.name)
        return replace(one, transport="") if handle(one, listed) == one.serial else one

    def state(self) -> str:
        """Return the phone's state in the server's word, "missing" when it does not know it."""
        return self._among(server.attached()).state

    def features(self) -> list[str]:
        """Return what the phone's daemon can do."""
        with self.transport():
            return [said(word) for word in server.ask(f"{self._host(self.phone())}:features").split(",")]

    def _host(self, one: Attached) -> str:
        """Return what a request about the phone begins with."""
        return f"host-transport-id:{one.transport}" if one.transport else f"host-serial:{one.serial}"

    def transport(self) -> socket.socket:
        """Return a connection to the phone, on which a service can be asked for; the caller closes it."""
        try:
            try:
                return self._transport()
            except server.RefusedError:
                if not self.address:
                    raise
            # The server noticed only now that the phone had been lost: once more, with a new connection.
            self._connect()
            return self._transport()
        except server.RefusedError as problem:
            raise self.trouble(str(problem)) from problem
        except server.NoServerError as problem:
            raise server.server_lost(problem) from problem

    def _transport(self) -> socket.socket:
        host = self._host(self.usable())
        if "shell_v2" not in server.ask(f"{host}:features").split(","):
            raise too_old(self.name)
        return server.asked(host.replace("host-serial:", "host:transport:").replace("host-transport-id:", TRANSPORT_ID))

    def usable(self) -> Attached:
        """See to it that the phone can be used, and return it: connect to it, wait to be allowed."""
        one = self.phone()
        state = one.state
        if state != "device" and self.address:
            state = self._connect()
        if state in ("unauthorized", "authorizing"):
            state = self._wait_for_allow(one)
        if state != "device":
            raise self.trouble(state)
        return one

    def trouble(self, state: str) -> DeviceUnreachableError:
        """Return the error for a phone in that state, or for the server's reason."""
        if "unauthorized" in state or state == "authorizing":
            return unauthorised(self.name)
        if state == "missing" or "not found" in state:
            which = self.address or self.wanted or os.environ.get("ANDROID_SERIAL") or "a phone"
            return DeviceUnreachableError(f"{self.name}: the adb server does not have {which}", hint=LIST_HINT)
        hint = OFFLINE_HINT if "offline" in state else UDEV_HINT if "permission" in state else LIST_HINT
        return DeviceUnreachableError(f"{self.name}: the phone is not usable: {state}", hint=hint)

    def _connect(self) -> str:
        """Have the server connect to the address, and return the state.

        A server that is just losing a phone still says "already connected" and drops it then, or calls it offline
        for a moment: so a few times.
        """
        deadline = time.monotonic() + AGAIN_S
        for wait_s in RETRIES_S:
            said = self._connect_once()
            state = self.state()
            passing = state == "offline" or (state == "missing" and said.startswith("already"))
            if not passing or time.monotonic() > deadline:
                break
            time.sleep(wait_s)
        if state == "missing":
            hint = "is wireless debugging on, and the port right? phones choose a new port now and then"
            raise DeviceUnreachableError(f"{self.name}: {said}", hint=hint)
        return state

    def _connect_once(self) -> str:
        """Drop the old entry, which may be dead, and make one anew; returns what the server says."""
        with suppress(server.RefusedError):
            server.ask(f"host:disconnect:{self.address}")
        try:
            return said(server.ask(f"host:connect:{self.address}", CONNECT_S))
        except server.RefusedError as problem:
            return str(problem)

    def _wait_for_allow(self, one: Attached) -> str:
        if self.access.note:
            self.access.note(f"{self.name} does not know this computer: {ALLOW}; waiting {self.allow_s:g} s")
        try:
            with server.asked(f"{self._host(one)}:wait-for-any-device", self.allow_s) as connected:
                server.exactly(connected, 4)
        except (DeviceUnreachableError, server.RefusedError, OSError):
            return "unauthorized"
        return self.state()


def running(ask: Callable[[], T]) -> T:
    """Return what `ask` gets from the server, which is started once if it does not run."""
    try:
        return ask()
    except server.NoServerError:
        start_server()
    try:
        return ask()
    except server.NoServerError as problem:
        raise server.server_lost(problem) from problem
