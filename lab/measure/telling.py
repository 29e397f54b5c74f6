"""One line a repetition, for whoever watches."""

from __future__ import annotations

from lab.formats.run_record import Repetition
from lab.formats.test import Test


def told(cell: Test, row: Repetition, repeats: int) -> str:
    """Say how a repetition went: `pp512+tg128 3/5: prefill 35.2 tok/s, decode 14.1 tok/s`."""
    place = f"{cell.label} {row.index + 1}/{repeats}"
    if row.status != "ok":
        return f"{place}: {row.status}: {row.reason}"
    numbers = f"{place}: prefill {row.prefill_tok_per_s:.1f} tok/s, decode {row.decode_tok_per_s:.1f} tok/s"
    return numbers + "".join(f" ({mark})" for mark in _marks(row))


def _marks(row: Repetition) -> list[str]:
    marks = [] if row.gate is None or row.gate.kept else [row.gate.reason or "gate not kept"]
    marks += ["warm-up not stable"] if row.warmup is not None and not row.warmup.stable else []
    marks += ["throttled"] if row.throttled else []
    quota = row.extra.get("cpu_quota") or {}
    stopped, periods = quota.get("throttled_periods"), quota.get("periods")
    return [*marks, f"stopped by the CPU quota in {stopped} of {periods} periods"] if stopped else marks
