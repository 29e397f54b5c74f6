"""Where a run came from: what was sent for it, which judgement asked for it, which file it was imported from."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.core.fields import LEFT_OUT, KeepsUnknown
from lab.formats.kinds import Bytes, Count


@dataclass(frozen=True)
class Pushed(KeepsUnknown):
    """What bringing runner and bundle to the device took: bytes sent, bytes that were there, seconds of sending."""

    sent_bytes: Bytes
    kept_bytes: Bytes
    send_s: int | float


@dataclass(frozen=True)
class Confirmation(KeepsUnknown):
    """A session of `lab gate --confirm`: `id` of its stage, `side` a or b, its turn, and the run whose build it is."""

    id: str
    side: str
    turn: Count
    of: str


@dataclass(frozen=True)
class Imported(KeepsUnknown):
    """Which program measured the run, and the file that last added to it."""

    tool: str | None = field(default=None, metadata=LEFT_OUT)
    file: str | None = field(default=None, metadata=LEFT_OUT)
    sha256: str | None = field(default=None, metadata=LEFT_OUT)
    format: str | None = field(default=None, metadata=LEFT_OUT)
    rows: tuple[Count | None, ...] | None = field(default=None, metadata=LEFT_OUT)
    rows_sha256: str | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class Doubt(KeepsUnknown):
    """What an imported row contradicts, or no device can do: a code for programs, a sentence for people."""

    code: str
    text: str
