"""The weights brought into the device's page cache before anything is timed, in huge pages where it has them.

Decode reads every weight once a token. In small pages that is half a million translations of addresses a token: on an
AMD EPYC (Zen 5) two threads then took 33 ms a token, and 29 ms in huge pages, within one minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.devices.base import Device
from lab.formats.run.engine import StagedWeights
from lab.measure.runner.ask import ask
from lab.ondevice.events import Staged


def stage(device: Device, argv: Sequence[str], env: Mapping[str, str]) -> StagedWeights:
    """Run the runner's stage verb; a failure is a reason, never an end of the session."""
    answer, ending = ask(device, argv, env, Staged)
    return StagedWeights(None, None, ending) if answer is None else StagedWeights(answer.bytes, answer.huge_bytes, None)
