"""Part of a history: the cells of an engine, of some tests and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import numpy as np

from lab.analysis.points.key import STATUS
from lab.analysis.points.table import Points
from lab.core.errors import UsageError
from lab.core.home import definitions
from lab.core.suggest import check_known, unknown
from lab.formats.test import Test
from lab.models.catalog import model_ids


def narrowed(
    points: Points, *, engine: str | None = None, test: str | None = None, metrics: Sequence[str] = ()
) -> Points:
    """Return the points of the engine, of the tests that `test` names (a label, or a pattern such as `*@d0`), and of
    the metrics; None and empty are all. Whether a cell gave numbers at all stays with it.

    A metric that nobody asked for would cost the others certainty in the correction over all cells.

    Raises:
        UsageError: no cell is of the engine or of the test.
    """
    if not len(points):
        return points
    cells = [key.cell for key in points.keys]
    _check("engine", engine, (cell.engine for cell in cells))
    _check("test", test, (Test.of(cell).label for cell in cells))
    wanted = [
        (engine is None or fnmatchcase(cell.engine, engine))
        and (test is None or fnmatchcase(Test.of(cell).label, test))
        and (not metrics or cell.metric in (STATUS, *metrics))
        for cell in cells
    ]
    return points.where(np.array(wanted, np.bool_)[points.series])


def check_names(points: Points, target: str | None, model: str | None) -> None:
    """Raise UsageError, with the nearest name, for a target or model that no run has and nothing defines."""
    runs = points.runs
    if target is not None:
        check_known("target", target, [*definitions("targets"), *runs.target])
    if model is not None:
        names = [name for label in dict.fromkeys(runs.model) for name in names_of(label)]
        check_known("model", model, [*model_ids(), *names])


def names_of(label: str) -> tuple[str, ...]:
    """Return what a model's label may be called: with and without its layers and its quantisation."""
    base, _ = split_model(label)
    return tuple(dict.fromkeys((label, label.partition("@")[0], base, base.partition("@")[0])))


def split_model(label: str) -> tuple[str, str]:
    """Return a model's label without its quantisation, and the quantisation: phi3-mini@2l and q4."""
    name, at, layers = label.partition("@")
    base, _, quant = name.rpartition("-")
    return (f"{base}{at}{layers}", quant) if base else (label, "unknown")


def runs_with_points(points: Points) -> frozenset[int]:
    """Return the places in `points.runs` of which a cell is left."""
    return frozenset(points.run.tolist())


def _check(kind: str, asked: str | None, known: Iterable[str]) -> None:
    names = sorted(set(known))
    if asked is not None and not any(fnmatchcase(name, asked) for name in names):
        raise UsageError(unknown(kind, asked, names))
