"""Recorded runs, as verbs ask for them."""

from __future__ import annotations

from lab.core.home import definitions
from lab.core.suggest import check_known
from lab.formats.run_record import RunRecord
from lab.store import BadRun, entries, iter_runs
from lab.store.liveness import as_it_stands


def listed(target: str | None, model: str | None) -> tuple[list[RunRecord], list[BadRun]]:
    """Return the runs of a target and a model (None: of all) and the files that could not be read.

    Raises UsageError for a name that no run has and nothing defines.
    """
    found = list(iter_runs(target, model))
    readable = [as_it_stands(run) for run in found if isinstance(run, RunRecord)]
    records = [run for run in readable if model in (None, run.model.id, run.model.label)]
    if not records:
        check_names(target, model)
    return records, [run for run in found if isinstance(run, BadRun)]


def check_names(target: str | None, model: str | None) -> None:
    """Raise UsageError, with the nearest name, for a target or model that no run has and nothing defines."""
    if target is None and model is None:
        return
    runs = entries()
    if target is not None:
        check_known("target", target, [*definitions("targets"), *(entry.target for entry in runs)])
    if model is not None and all(entry.label for entry in runs):  # else only the record knows its model
        from lab.models.catalog import model_ids

        check_known("model", model, [*model_ids(), *(name for entry in runs for name in entry.models)])
