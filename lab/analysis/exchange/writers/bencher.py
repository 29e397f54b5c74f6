"""Runs as Bencher Metric Format (BMF) JSON, as https://bencher.dev/docs/reference/bencher-metric-format has it.

A benchmark is a series: a cell under its conditions by name (series.py). A measure is a metric; `value` is the
median over repetitions, `lower_value` and `upper_value` their smallest and largest. BMF has no place for a cell that
failed: it is left out, and told.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

from lab.analysis.exchange.writers.series import Series, series_of, under
from lab.core.errors import UsageError
from lab.core.jsonio import digest
from lab.formats.run_record import RunRecord

NAME_LIMIT = 1024


def bmf(records: Iterable[RunRecord]) -> tuple[dict[str, Any], list[str]]:
    """Return the document, and a sentence for each cell that it cannot hold.

    Raises:
        UsageError: two runs measured the same series, and a document holds one value of it.
    """
    document: dict[str, Any] = {}
    owner: dict[str, str] = {}
    lost = []
    for record in records:
        for one in series_of(record):
            name = _name(record, one)
            if owner.setdefault(name, record.run_id) != record.run_id:
                raise UsageError(
                    f"runs {owner[name]} and {record.run_id} both measured {name}",
                    hint="Bencher takes one value of it a report: export each run on its own",
                )
            if one.error is not None:
                lost.append(f"{name}: {one.error}")
            else:
                document.setdefault(name, {})[_measure(one)] = _metric(one)
    return document, lost


def _name(record: RunRecord, one: Series) -> str:
    """A name that is too long ends in the digest of the whole."""
    of = (record.target.name, record.model.label, record.engine.name)
    name = "/".join((*of, *under(record).parts, one.label))
    return name if len(name) <= NAME_LIMIT else f"{name[: NAME_LIMIT - 17]}/{digest(name)[:16]}"


def _measure(one: Series) -> str:
    """Two counters are two measures."""
    counter = f"-{one.counter}" if one.counter else ""
    return f"{one.metric.replace('_', '-')}{counter.lower()}"[:64]


def _metric(one: Series) -> dict[str, float]:
    bounds = {"lower_value": min(one.samples), "upper_value": max(one.samples)} if len(one.samples) > 1 else {}
    return {"value": median(one.samples), **bounds}
