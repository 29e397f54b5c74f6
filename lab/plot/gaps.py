"""Inter-token latency: how long people wait between two tokens, and how often much longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lab.analysis.run.stats import percentile
from lab.core.errors import UsageError
from lab.plot.axes import axes_for, headed
from lab.plot.series import IDENTITY, MOST, common, names_of, notes_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
PERCENTILES = {50: "-", 90: "--", 99: ":"}
BINS = 60
SHOWN = 99.5  # percent of the gaps that the axis holds: one long gap is no reason to see nothing else


def itl(frame: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the distribution of the gaps between tokens of a frame with raw samples, with p50, p90 and p99.

    The axis ends where 99.5 % of the gaps do; how many are beyond it is written. A percentile needs 20 (p90) or 200
    gaps (p99).

    Raises:
        UsageError: the frame has no raw samples, or no gap; more than 12 series; no matplotlib.
    """
    if "itl_s" not in frame:
        raise UsageError("the frame has no raw samples", hint="lab.open().frame(raw=True) has them")
    rows = frame[(frame["status"] == "ok") & frame["itl_s"].map(lambda one: one is not None and len(one) > 0)]
    groups = list(rows.groupby(list(IDENTITY), dropna=False))
    if not groups or len(groups) > MOST:
        found = f"{len(groups)} series are too many for one picture" if groups else "no repetition has gaps"
        raise UsageError(found, hint="choose rows of the frame first: frame[frame['run_id'] == '...']")
    labels = names_of(rows, IDENTITY)
    gaps = {labels[key]: np.concatenate([np.asarray(one) for one in part["itl_s"]]) * 1e3 for key, part in groups}
    ax = axes_for(ax)
    everything = np.concatenate(list(gaps.values()))
    end = float(np.percentile(everything, SHOWN))
    bins = int(np.clip(np.sqrt(len(everything)), 8, BINS))
    edges = np.linspace(float(everything.min()), max(end, float(everything.min()) * 1.01), bins)
    for place, (label, values) in enumerate(gaps.items()):
        _distribution(ax, label, values, edges, f"C{place % 10}")
    beyond = int((everything > edges[-1]).sum())
    longest = f"; {beyond} of {len(everything)} gaps are longer, up to {everything.max():.1f} ms" if beyond else ""
    ax.set_xlabel("gap between tokens [ms]")
    ax.set_ylabel("share of the gaps [%]")
    headed(ax, f"{common(rows)} inter-token latency".strip(), [*notes_of(frame), f"lines: p50, p90, p99{longest}"])
    ax.legend(fontsize="small", frameon=False)
    return ax


def _distribution(
    ax: Axes,
    label: str,
    values: Floats,
    edges: Floats,
    color: str,
) -> None:
    weights = np.full(len(values), 100 / len(values))
    found = {q: value for q in PERCENTILES if (value := percentile(values.tolist(), q)) is not None}
    text = ", ".join(f"p{q} {value:.1f} ms" for q, value in found.items())
    name = f"{label} {text}".strip()
    ax.hist(values, bins=edges.tolist(), weights=weights, histtype="stepfilled", alpha=0.3, color=color, label=name)
    for q, value in found.items():
        ax.axvline(min(value, float(edges[-1])), color=color, ls=PERCENTILES[q], lw=1)
