"""Recorded runs, as verbs ask for them."""

from __future__ import annotations

from collections.abc import Iterable

from lab.core.errors import UsageError
from lab.core.home import definitions
from lab.core.suggest import unknown
from lab.formats.run_record import RunRecord
from lab.store import BadRun, iter_runs
from lab.store.liveness import as_it_stands


def listed(target: str | None, model: str | None) -> tuple[list[RunRecord], list[BadRun]]:
    """Return the runs of a target and a model (None: of all) and the files that could not be read.

    Raises UsageError for a name that no run has and nothing defines.
    """
    found = list(iter_runs(target, model))
    readable = [as_it_stands(run) for run in found if isinstance(run, RunRecord)]
    records = [run for run in readable if model in (None, run.model.id, run.model.label)]
    if not records:
        _known(target, model)
    return records, [run for run in found if isinstance(run, BadRun)]


def _known(target: str | None, model: str | None) -> None:
    """Tell a name that is mistyped from one that has no runs yet."""
    runs = [run for run in iter_runs() if isinstance(run, RunRecord)]
    if target is not None:
        _check("target", target, [*definitions("targets"), *(run.target.name for run in runs)])
    if model is not None:
        from lab.models.catalog import model_ids

        recorded = [name for run in runs for name in (run.model.id, run.model.label)]
        _check("model", model, [*model_ids(), *recorded])


def _check(kind: str, name: str, known: Iterable[str]) -> None:
    names = list(dict.fromkeys(known))
    if name not in names:
        raise UsageError(unknown(kind, name, names))
