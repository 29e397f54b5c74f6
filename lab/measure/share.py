"""How much of a device's processor a session takes when nobody named a number of threads."""

from __future__ import annotations

import re
from typing import Any


def default_threads(facts: dict[str, Any]) -> int | None:
    """Return one thread for each core that may be used, and no more than the CPU quota keeps running; None unknown.

    Two hardware threads of one core share what computes, so a second one adds waiting and no speed. More threads than a
    quota allows are all stopped together for a part of each period.
    """
    count: int | None = facts.get("hardware_cores") or facts.get("cores")
    quota = facts.get("cpu_quota_cores")
    return min(count, max(1, int(quota))) if count and quota else count


def share_words(threads: int, facts: dict[str, Any]) -> str:
    """Return the threads with what they are of: "4 threads on 4 cores (8 hardware threads, cpus 0-7)".

    `facts` may come from a record: what is not there, or has another form, is left out.
    """
    processors, cores, slow = (_whole(facts.get(name)) for name in ("cores", "hardware_cores", "cores_slow"))
    quota, cpus = facts.get("cpu_quota_cores"), facts.get("cpus")
    limit = f"CPU quota of {quota:g} cores" if isinstance(quota, (int, float)) else ""
    if not cores:
        return f"{_counted(threads, 'thread')} ({limit})" if limit else _counted(threads, "thread")
    notes = [
        _counted(processors, "hardware thread") if processors and processors != cores else "",
        f"{slow} of them slow" if slow else "",
        f"cpus {cpus}" if isinstance(cpus, str) and re.fullmatch(r"[0-9,-]{1,200}", cpus) else "",
        limit,
    ]
    inside = ", ".join(filter(None, notes))
    return f"{_counted(threads, 'thread')} on {_counted(cores, 'core')}" + (f" ({inside})" if inside else "")


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
