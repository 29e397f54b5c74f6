"""How inter-token gaps are spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lab.analysis.run.stats import percentile

BINS = 24
TAIL = 99.0  # what lies above this percentile shares the last bin, so that one pause does not flatten the rest


@dataclass(frozen=True)
class Histogram:
    """`counts[i]` gaps lie from `edges_s[i]` to `edges_s[i + 1]`; `above` lie beyond the last edge, up to `max_s`.

    Percentiles are null with too few gaps for them.
    """

    edges_s: tuple[float, ...]
    counts: tuple[int, ...]
    above: int
    max_s: float
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None


def histogram(gaps_s: Sequence[float]) -> Histogram | None:
    """Return equal bins from the shortest gap to the 99th percentile; None without gaps."""
    if not gaps_s:
        return None
    gaps = np.asarray(gaps_s, np.float64)
    low, high = float(gaps.min()), float(np.percentile(gaps, TAIL))
    if high <= low:
        high = float(gaps.max()) if gaps.max() > low else low * 1.01 + 1e-9
    counts, edges = np.histogram(gaps, bins=min(BINS, max(len(gaps) // 4, 1)), range=(low, high))
    p50, p90, p99 = (percentile(gaps_s, q) for q in (50, 90, 99))
    above = int((gaps > high).sum())
    return Histogram(tuple(edges.tolist()), tuple(counts.tolist()), above, float(gaps.max()), p50, p90, p99)
