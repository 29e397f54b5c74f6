"""Recorded runs compared along an axis, as `lab compare --axis` and notebooks ask for it."""

from __future__ import annotations

from collections.abc import Sequence

from lab.analysis.compare.axis import Table, along
from lab.analysis.compare.narrow import check_names, narrowed
from lab.analysis.compare.values import AXES, Wanted
from lab.analysis.judging.sides import Policy
from lab.analysis.points.table import Points
from lab.core.errors import UsageError
from lab.core.suggest import unknown
from lab.formats.calibration import load_floors
from lab.formats.metrics import metric


def compare_along(
    points: Points,
    axis: str,
    *,
    target: str | None = None,
    model: str | None = None,
    engine: str | None = None,
    test: str | None = None,
    last: int | None = None,
    reference: str | None = None,
    metrics: Sequence[str] = (),
    emulated: bool = False,
) -> Table:
    """Return all values of `axis`, each compared with the reference; the floors are those of the home in use.

    Raises:
        UsageError: an axis, engine, test, metric or reference that is not there.
        StoreError: fewer than two values are on record.
    """
    if axis not in AXES:
        raise UsageError(unknown("axis", axis, AXES))
    chosen = tuple(metric(name).name for name in metrics)
    wanted = Wanted(target=target, model=model, last=last, reference=reference, metrics=chosen)
    check_names(points, target, model)
    part = narrowed(points, engine=engine, test=test)
    return along(part, axis, wanted, Policy(floors=load_floors(), emulated=emulated))
