"""The weights brought into the device's page cache before anything is timed, in huge pages where it has them.

Decode reads every weight once a token. In small pages that is half a million translations of addresses a token: on an
AMD EPYC (Zen 5) two threads then took 33 ms a token, and 29 ms in huge pages, within one minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.devices.base import Device
from lab.measure.runner.ask import ask
from lab.ondevice.events import Staged


@dataclass(frozen=True)
class Staging:
    """Bytes of weights, and those of them in huge pages; null where the device can't tell, with the reason."""

    nbytes: int | None
    huge_bytes: int | None
    reason: str | None = None

    def block(self) -> dict[str, Any]:
        """Return what a record's engine block says of it."""
        return {"staged": {"bytes": self.nbytes, "huge_bytes": self.huge_bytes, "reason": self.reason}}


def stage(device: Device, argv: Sequence[str], env: Mapping[str, str]) -> Staging:
    """Run the runner's stage verb; a failure is a reason, never an end of the session."""
    said, ending = ask(device, argv, env, Staged)
    return Staging(None, None, ending) if said is None else Staging(said.bytes, said.huge_bytes)
