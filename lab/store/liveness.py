"""Whether a run that is recorded as running still runs: a lab that was killed could not say that it ended."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import replace

from lab.core.lock import holder_by_hash
from lab.formats.run_record import RunRecord

REASON = "lab was killed, or its machine went down, before it could say so: what was measured by then is kept"


def as_it_stands(record: RunRecord) -> RunRecord:
    """Return the record with the status "interrupted" where it says "running" and nobody holds its device any more.

    Runs in a database may be of another machine, whose locks cannot be seen from here: they stay as they are.
    """
    if record.status != "running" or os.environ.get("LAB_STORE") or _runs(record):
        return record
    return replace(record, status="interrupted", reason=REASON)


def _runs(record: RunRecord) -> bool:
    """Whether the lab that took the device's lock before the run began is alive, or may be: it is of another host."""
    holder = holder_by_hash(record.device.serial_hash)
    since, pid = str(holder.get("since", "")), holder.get("pid")
    if not since or since > record.created_at:
        return False
    if holder.get("host") != socket.gethostname() or not isinstance(pid, int) or pid <= 0:
        return True
    with suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
    return True
