"""What a repetition is at, while its process runs: the runner reports its rounds of warm-up as they end.

What is timed it reports at the end, so that no line of output is in the numbers: until then the rate is that of the
warm-up.
"""

from __future__ import annotations

from collections.abc import Callable

from lab.formats.test import Test
from lab.ondevice.events import Event, Loaded, Start, Verify, Warm, Warmup


def told_by(cell: Test, tell: Callable[[str], None]) -> Callable[[Event], None]:
    """Return what takes each event of a run of `cell` and tells people what comes after it."""
    rate = ""

    def take(event: Event) -> None:
        nonlocal rate
        if isinstance(event, Warmup) and any(event.decode_ns):
            rate = f", decode {len(event.decode_ns) / (sum(event.decode_ns) / 1e9):.1f} tok/s"
        if text := _next(event, cell):
            tell(f"{cell.label}: {text}{rate}")

    return take


def _next(event: Event, cell: Test) -> str:
    if isinstance(event, Start):
        return "loading the model"
    if isinstance(event, Loaded):
        return "checking the logits, warming up"
    if isinstance(event, Verify):
        return "warming up"
    if isinstance(event, Warmup):
        return f"warm-up, round {event.index + 2}"
    return f"timing {cell.prompt} + {cell.generate} tokens" if isinstance(event, Warm) else ""
