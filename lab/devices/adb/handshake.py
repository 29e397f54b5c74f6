"""The first words with a phone's adb daemon: who it is, and whether it trusts us.

adb-shell's own `connect` says neither what the daemon can do (shell_v2) nor that it wants TLS, which it does not speak.
A phone that asks for TLS is left to the adb program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adb_shell import constants

from lab.core.errors import DeviceError, DeviceUnreachableError
from lab.core.text import said
from lab.devices.adb.keys import Key
from lab.devices.adb.wire import (
    AUTH,
    AUTH_PUBLIC_KEY,
    AUTH_SIGNATURE,
    AUTH_TOKEN,
    CNXN,
    MAX_PAYLOAD_BYTES,
    STLS,
    VERSION,
    NotAdbError,
    Packet,
    Wire,
    receive_packet,
    send_packet,
)

ANSWER_S: float = constants.DEFAULT_AUTH_TIMEOUT_S
ALLOW_S = 30.0
TOKEN_BYTES = 20
BANNER = b"host::features=shell_v2,cmd"
ALLOW = 'unlock the phone and tap "Allow" ("Always allow from this computer")'
TLS_HINT = "this phone wants TLS, which the adb program speaks: 'lab devices pair', then [adb].backend = \"adb\""
OFFLINE_HINT = "switch USB or wireless debugging off and on again on the phone"


@dataclass(frozen=True)
class Banner:
    """What the daemon says of itself; `checked` when it wants checksums (before Android 9)."""

    features: tuple[str, ...]
    max_payload_bytes: int
    checked: bool


@dataclass(frozen=True)
class Greeter:
    """What it takes to be let in: keys (loaded when they are asked for), someone to tell, and patience."""

    keys: Callable[[], Sequence[Key]]
    note: Callable[[str], None] | None = None
    answer_s: float = ANSWER_S
    allow_s: float = ALLOW_S

    def greet(self, wire: Wire, name: str) -> Banner:
        """Be let in by the daemon at the other end, called `name` in errors.

        Raises:
            DeviceUnreachableError: it says nothing, refuses, or speaks something else.
            DeviceError: it is older than Android 7 and can't tell how a command ended.
        """
        wire.patience(self.answer_s)
        try:
            send_packet(wire, Packet(CNXN, VERSION, MAX_PAYLOAD_BYTES, BANNER), checked=True)
            answer = receive_packet(wire)
            if answer.command == AUTH:
                answer = self._authenticate(wire, answer, name)
        except (OSError, NotAdbError) as problem:
            raise DeviceUnreachableError(f"{name}: {_reason(problem, self.answer_s)}", hint=OFFLINE_HINT) from problem
        wire.patience(None)
        return _banner(answer, name)

    def _authenticate(self, wire: Wire, token: Packet, name: str) -> Packet:
        """Try every key; then show one to the person who holds the phone."""
        keys = self.keys()
        for key in keys:
            if token.arg0 != AUTH_TOKEN or len(token.data) != TOKEN_BYTES:
                raise NotAdbError("its request for a signature makes no sense")
            send_packet(wire, Packet(AUTH, AUTH_SIGNATURE, 0, key.sign(token.data)), checked=True)
            token = receive_packet(wire)
            if token.command != AUTH:
                return token
        send_packet(wire, Packet(AUTH, AUTH_PUBLIC_KEY, 0, keys[0].public() + b"\0"), checked=True)
        return self._wait_for_allow(wire, name)

    def _wait_for_allow(self, wire: Wire, name: str) -> Packet:
        if self.note:
            self.note(f"{name} does not know this computer: {ALLOW}; waiting {self.allow_s:g} s")
        wire.patience(self.allow_s)
        try:
            answer = receive_packet(wire)
        except OSError as problem:
            raise unauthorised(name) from problem
        if answer.command == AUTH:
            raise unauthorised(name)
        return answer


def unauthorised(name: str) -> DeviceUnreachableError:
    """The error for a phone that did not let us in."""
    return DeviceUnreachableError(f"{name}: the phone has not allowed this computer", hint=f"{ALLOW}, and try again")


def too_old(name: str) -> DeviceError:
    """The error for a phone without the shell_v2 feature."""
    what = f"{name}: its adb daemon has no shell_v2, so it can't tell how a command ended"
    return DeviceError(what, hint="lab needs Android 7 or newer")


def _banner(answer: Packet, name: str) -> Banner:
    if answer.command == STLS:
        raise DeviceUnreachableError(f"{name}: its wireless debugging takes paired computers only", hint=TLS_HINT)
    if answer.command != CNXN:
        raise DeviceUnreachableError(f"{name}: its adb daemon did not let us in", hint=OFFLINE_HINT)
    words = answer.data.rstrip(b"\0").decode("utf-8", "replace")
    fields = dict(part.partition("=")[::2] for part in words.partition("::")[2].split(";"))
    features = tuple(sorted(said(word) for word in fields.get("features", "").split(",") if word))
    if "shell_v2" not in features:
        raise too_old(name)
    return Banner(
        features, max(min(answer.arg1, MAX_PAYLOAD_BYTES), constants.MAX_LEGACY_ADB_DATA), answer.arg0 < VERSION
    )


def _reason(problem: Exception, answer_s: float) -> str:
    if isinstance(problem, TimeoutError):
        return f"its adb daemon said nothing for {answer_s:g} s"
    return f"the connection was lost: {said(str(problem))}"
