"""The history of the store, as `lab regressions` and `lab ack` see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lab.analysis.history.changed import Changed
from lab.analysis.history.regression import Regression
from lab.analysis.history.regressions import History
from lab.analysis.history.stored import stored_history
from lab.analysis.points.load import readable_points
from lab.analysis.points.table import Points
from lab.core.home import definitions
from lab.core.progress import Progress
from lab.core.suggest import check_known
from lab.store import in_use

Numbered = list[tuple[int, Regression]]
FIRST = "lab run --target local --model phi3-mini-q4 records one"


def judged(progress: Progress, target: str | None = None, model: str | None = None) -> History:
    """Judge the whole store; runs that cannot be read are warned about. UsageError for a name that nothing has."""
    points = readable_points(progress)
    if not len(points.runs):
        progress.note(f"no runs are recorded in {in_use().where}: {FIRST}")
    _check_names(points, target, model)
    return stored_history(points, progress)


def chosen(history: History, target: str | None, model: str | None, everything: bool) -> Numbered:
    """Return the changes to show with their numbers, which count all changes and so don't depend on the filters.

    Without `everything`, those that are open or accepted.
    """
    return [
        (number, one)
        for number, one in enumerate(history.changes, 1)
        if target in (None, one.cell.target)
        and model in (None, one.cell.model)
        and (everything or one.open or one.acknowledged is not None)
    ]


def history_document(history: History, changes: Sequence[tuple[int, Regression]]) -> dict[str, Any]:
    """The changes and how they came about, as one JSON document."""
    return {
        "changes": [change_row(number, one) for number, one in changes],
        "series_judged": history.judged,
        "series_too_short": history.short,
        "conditions": [_changed(one) for one in history.conditions],
        "clocks": [{"run_id": run, "problem": problem} for run, problem in history.clocks.items()],
        "order": {"commits_by": dict(history.order.known), "runs_moved": history.order.moved}
        if history.order
        else None,
        "correction": "Bonferroni over the series",
        "exit_code": history.exit_code,
    }


def change_row(number: int, change: Regression) -> dict[str, Any]:
    """One change; `index` is the place of the first session at the new level among `values`."""
    plain = ("word", "ratio", "before", "after", "sessions_before", "sessions_after", "p", "run_id", "when")
    cell = {name: getattr(change.cell, name) for name in change.cell.__dataclass_fields__}
    return {
        "number": number,
        "cell": cell,
        "settings": dict(change.settings),
        "columns_changed": list(change.columns),
        "conditions_changed": [text for seam in change.here for text in seam.changes],
        **{name: getattr(change, name) for name in plain},
        "commit_before": change.commits[0] or None,
        "commit_at": change.commits[1] or None,
        "newest": change.newest,
        "open": change.open,
        "acknowledged": change.acknowledged,
        "index": change.index,
        "values": list(change.values),
    }


def _changed(one: Changed) -> dict[str, Any]:
    return {
        "run_id": one.run_id,
        "changes": list(one.changes),
        "compared": one.compared,
        "cells": [asdict(cell) for cell in one.cells],
    }


def _check_names(points: Points, target: str | None, model: str | None) -> None:
    if target is not None:
        check_known("target", target, [*definitions("targets"), *points.runs.target])
    if model is not None:
        from lab.models.catalog import model_ids

        check_known("model", model, [*model_ids(), *points.runs.model])
