"""What a repetition is at, while its process runs: the runner reports its rounds of warm-up as they end.

What is timed it reports at the end, so that no line of output is in the numbers. Until then people see the rate of
the warm-up, and how long the same took in the repetition before.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from lab.core.units import about_seconds
from lab.formats.test import Test
from lab.ondevice.events import Event, Loaded, Start, Submit, Verify, Warm, Warmup


def told_by(
    cell: Test,
    tell: Callable[[str], None],
    timed_s: dict[Test, float],
    clock: Callable[[], float] = time.monotonic,
) -> Callable[[Event], None]:
    """Return what takes each event of a run of `cell` and tells people what comes after it.

    `timed_s` keeps how long the timed part of each test took, for the repetition after this one.
    """
    rate, warm_at = "", clock()

    def take(event: Event) -> None:
        nonlocal rate, warm_at
        if isinstance(event, Warmup) and any(event.decode_ns):
            rate = f", decode {len(event.decode_ns) / (sum(event.decode_ns) / 1e9):.1f} tok/s"
        if isinstance(event, Warm):
            warm_at = clock()
        if isinstance(event, Submit):
            timed_s[cell] = clock() - warm_at
        if text := _next(event, cell, timed_s.get(cell)):
            tell(f"{cell.label}: {text}{rate}{' in warm-up' if rate and isinstance(event, Warm) else ''}")

    return take


def _next(event: Event, cell: Test, timed_s: float | None) -> str:
    if isinstance(event, Start):
        return "loading the model"
    if isinstance(event, Loaded):
        return "checking the logits, warming up"
    if isinstance(event, Verify):
        return "warming up"
    if isinstance(event, Warmup):
        return f"warm-up, round {event.index + 2}"
    expected = "" if timed_s is None else f", {about_seconds(timed_s)} as the last time"
    tokens = f"{cell.prompt} + {cell.generate}" if cell.generate else f"{cell.prompt}"
    return f"timing {tokens} tokens{expected}" if isinstance(event, Warm) else ""
