"""How inter-token gaps are spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.analysis.run.stats import percentile

BINS = 24
# At most this share of the gaps, or so many where they are few, may lie beyond the last edge: those that would stretch
# the axis to more than STRETCH times the span of all others, so that one pause does not flatten the rest.
TAIL, TAIL_GAPS, STRETCH = 0.01, 3, 1.5


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


def histogram(gaps_s: Sequence[float], bins: int = BINS) -> Histogram | None:
    """Return at most `bins` equal bins, from the shortest gap to the longest that is no outlier; None without gaps."""
    if not gaps_s:
        return None
    gaps = np.sort(np.asarray(gaps_s, np.float64))
    low, high = float(gaps[0]), _longest_shown(gaps)
    if high <= low:
        high = low * 1.01 + 1e-9
    counts, edges = np.histogram(gaps, bins=min(bins, max(len(gaps) // 4, 1)), range=(low, high))
    p50, p90, p99 = (percentile(gaps_s, q) for q in (50, 90, 99))
    above = int((gaps > high).sum())
    return Histogram(tuple(edges.tolist()), tuple(counts.tolist()), above, float(gaps[-1]), p50, p90, p99)


def _longest_shown(gaps: NDArray[np.float64]) -> float:
    """Return the last edge: of the sorted `gaps` [N], in seconds."""
    few = max(round(len(gaps) * TAIL), min(TAIL_GAPS, len(gaps) // 8))
    low, sure = float(gaps[0]), float(gaps[len(gaps) - 1 - few])
    return float(gaps[gaps <= low + (sure - low) * STRETCH].max())
