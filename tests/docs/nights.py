"""A store for pages that are tried: nights of this machine, of which the second half is slower, and another device."""

from __future__ import annotations

from typing import Any

from lab import store
from tests.analysis.documents import cell
from tests.analysis.sessions import NEW, OLD, failed, session

PHONE = {"target": {"name": "pixel8", "spec": {}}}


def keep_nights() -> None:
    """Keep 24 nights of `local` at two depths, of another commit from the 13th on, three of a phone; one fails."""
    for number in range(24):
        late = number >= 12
        rate = (9.0 if late else 10.0) * (1 + 0.003 * (number * 7 % 5))
        tags = ["after" if late else "before"]
        store.save(session(24 * number, rate, NEW if late else OLD, cells=_deep(rate), tags=tags))
    for number in range(3):
        store.save(session(24 * number + 1, 1.0, cells=_deep(14.0 + number / 10), **PHONE))
    store.save(failed(24 * 3 + 2, "killed by SIGSEGV"))


def _deep(rate: float) -> list[dict[str, Any]]:
    rates = {depth: [rate * part * off for part in (0.99, 1.0, 1.01)] for depth, off in ((0, 1.0), (2048, 0.8))}
    return [cell(decodes, [50.0] * 3, depth=depth) for depth, decodes in rates.items()]
