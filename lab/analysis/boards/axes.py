"""The axes along which a board lays its cells out, and which cells its filters let through."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from lab.analysis.boards.board import Column
from lab.analysis.points.key import STATUS, CellKey
from lab.analysis.points.table import Points
from lab.formats.dashboard import DashboardSpec, FilterSpec
from lab.formats.metrics import METRICS
from lab.formats.test import Test

TITLES = {"target": "Target", "model": "Model", "engine": "Engine", "test": "Test", "metric": "Metric"}
DAY_S = 86_400
OWN = "tvm"  # lab's own engine, whose number is the first that is asked for


def axis_column(axis: str) -> Column:
    """Return the column of the names on an axis."""
    return Column(fact=axis, title=TITLES[axis])


def test_of(key: CellKey) -> str:
    """Return the test as peers name it: pp512+tg128@d2048."""
    return Test.of(key).label


def value_on(key: CellKey, axis: str) -> str:
    """Return where the cell lies on an axis, as people read it."""
    if axis == "test":
        return test_of(key)
    if axis == "metric":
        return METRICS[key.metric].title if key.metric in METRICS else "Status"
    return str(getattr(key, axis))


def order_on(key: CellKey, axis: str, metrics: Sequence[str]) -> tuple[float, ...] | str:
    """Return what sorts the values of an axis: tests by size, metrics as the dashboard lists them, names as names."""
    if axis == "test":
        return (key.depth, key.prompt, key.generate)
    if axis == "metric":
        return (metrics.index(key.metric) if key.metric in metrics else len(metrics),)
    return str(getattr(key, axis))


def chosen(points: Points, spec: DashboardSpec) -> Points:
    """Return the points that the dashboard's filters and metrics let through; every STATUS point of a cell stays."""
    wanted = {*spec.metrics, *(chart.metric for chart in spec.charts), STATUS}
    keys = np.fromiter(
        (
            key.cell.metric in wanted
            and (spec.filters.emulated or not key.conditions.emulated)
            and lets_through(spec.filters, key.cell)
            for key in points.keys
        ),
        np.bool_,
        len(points.keys),
    )
    mask: NDArray[np.bool_] = keys[points.series] if len(points) else np.zeros(0, np.bool_)
    if spec.filters.days and len(points.runs):
        at = points.runs.created_s
        mask &= (at >= at.max() - spec.filters.days * DAY_S)[points.run]
    return points.where(mask)


def lets_through(filters: FilterSpec, key: CellKey) -> bool:
    """Whether the patterns for target, model, engine and test all allow the cell."""
    pairs = ((filters.target, key.target), (filters.model, key.model), (filters.engine, key.engine))
    return all(_matches(patterns, value) for patterns, value in (*pairs, (filters.test, test_of(key))))


def _matches(patterns: tuple[str, ...], value: str) -> bool:
    return not patterns or any(fnmatchcase(value, pattern) for pattern in patterns)
