"""Axes with a title, units and what a reader has to know before believing a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab.core.errors import UsageError
from lab.formats.metrics import metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY = "0.45"


def axes_for(ax: Axes | None) -> Axes:
    """Return `ax`, or that of a new figure; UsageError without matplotlib."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as problem:
        raise UsageError("lab.plot needs matplotlib", hint="pip install 'phi-lab[plot]'") from problem
    return pyplot.subplots(figsize=(8, 4.5), layout="constrained")[1]


def scale_of(name: str, most: float) -> tuple[float, str]:
    """Return what values of metric `name` up to `most` are multiplied with, and the axis label with its unit."""
    row = metric(name)
    if row.format == "bytes":
        return 1 / (1 << 30), f"{row.title} [GiB]"
    if row.format == "seconds" and most < 1:
        return 1e3, f"{row.title} [ms]"
    return 1.0, row.title if row.unit == "1" else f"{row.title} [{row.unit}]"


def headed(ax: Axes, title: str, notes: Sequence[str]) -> None:
    """Write the title at the left, and in small letters below it what qualifies the picture."""
    ax.set_title(title, loc="left", fontsize="medium", pad=16 if notes else None)
    below, size = (0.0, 1.015), "x-small"
    ax.annotate("; ".join(notes), below, xycoords="axes fraction", va="bottom", fontsize=size, color=GREY)


def with_legend(ax: Axes, series: int) -> None:
    """Name the series where there are several."""
    if series > 1:
        ax.legend(fontsize="small", frameon=False)
