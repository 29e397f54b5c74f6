"""Many cells, few false alarms: Benjamini and Hochberg's correction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CORRECTION = "Benjamini-Hochberg"


def adjusted(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the adjusted p values: calling those up to q keeps the share of false calls under q.

    Benjamini and Hochberg, "Controlling the false discovery rate", 1995; when nothing changed anywhere, the chance
    of a single false call is under q. nan (not tested) is left out and stays nan.
    """
    result = np.full(p.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    if len(tested):
        order = tested[np.argsort(p[tested], kind="stable")]
        scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
        result[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return result
