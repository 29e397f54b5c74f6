"""How often a control group's CPU quota stopped a repetition: counted by the kernel, once a period."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.formats.run_record import CpuQuota

COUNTS = ("periods", "throttled_periods")


def quota_columns(states: Sequence[dict[str, Any]]) -> dict[str, list[int | None]]:
    """Return the counts of the states as columns; empty on a device without a quota."""
    quotas = [state.get("cpu_quota") or {} for state in states]
    if not quotas or not quotas[0]:
        return {}
    return {f"cpu_{name}": [quota.get(name) for quota in quotas] for name in COUNTS}


def cpu_quota(before: dict[str, Any], during: dict[str, Any] | None, after: dict[str, Any] | None) -> CpuQuota | None:
    """Return the quota of a repetition: the cores allowed, and both counts from its first sample to its end.

    None without a quota; a count is null where the kernel does not tell it.
    """
    quota = before.get("cpu_quota")
    if not quota:
        return None
    last = (after or {}).get("cpu_quota") or {}
    return CpuQuota(quota["cores"], *(_spent(name, during or {}, last) for name in COUNTS))


def _spent(name: str, during: dict[str, Any], last: dict[str, Any]) -> int | None:
    column = [count for count in during.get(f"cpu_{name}", []) if count is not None]
    ends = [*column, *([last[name]] if last.get(name) is not None else [])]
    return max(0, ends[-1] - ends[0]) if column else None
