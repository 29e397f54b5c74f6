"""A small history with known values: two targets, two models, sessions a day apart, revision by revision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.analysis.points.build import points_of
from lab.analysis.points.table import Points
from lab.formats.run_record import RunRecord, from_json
from tests.analysis.documents import DOCUMENT, MODEL, cell, document, failed_repetition


def session(
    day: int,
    decode: float = 10.0,
    *,
    target: str = "local",
    model: str = "phi3-mini-q4",
    commit: str = "a",
    tags: Sequence[str] = (),
    cells: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> RunRecord:
    """One run of day `day` of November, whose five repetitions decode at about `decode` tok/s."""
    speeds = [decode * factor for factor in (0.98, 0.99, 1.0, 1.01, 1.02)]
    number = sum(map(ord, target + model)) % 256
    return from_json(
        document(
            run_id=f"202611{day:02d}-210000-{number:02x}{day:04x}",
            created_at=f"2026-11-{day:02d}T21:00:00Z",
            target={**DOCUMENT["target"], "name": target},
            model={**MODEL, "id": model, "label": model},
            revision={"commit": commit * 40, "dirty": False},
            tags=list(tags),
            cells=[cell(speeds)] if cells is None else cells,
            **changes,
        )
    )


def failed(reason: str = "killed by SIGSEGV") -> list[dict[str, Any]]:
    """The cells of a run that gave no numbers."""
    lost = {"status": "failed", "reason": reason, "repetitions": [failed_repetition(0, reason)], "memory": None}
    return [{**cell(), **lost}]


def steady(days: Sequence[int], commit: str, level: float = 10.0, **changes: Any) -> list[RunRecord]:
    """Sessions around a level that differ by a percent from day to day."""
    return [session(day, level * (1 + (day % 3 - 1) / 100), commit=commit, **changes) for day in days]


def slower_history() -> Points:
    """Five sessions at 10 tok/s, then five of the next revision at 8."""
    return points_of([*steady(range(1, 6), "a"), *steady(range(6, 11), "b", 8.0)])


def nights(values: Sequence[float], first: int = 0, **changes: Any) -> list[RunRecord]:
    """A session each night from 2026-03-01 on, number `first` the first of them; a commit each."""
    begin = datetime(2026, 3, 1, 21, tzinfo=UTC)
    target = str(changes.get("target", "local"))
    found = []
    for number, value in enumerate(values, first):
        at = begin + timedelta(days=number)
        cells = [cell([value * share for share in (0.98, 1.0, 1.02)], (49.0, 50.0, 51.0), generate=6)]
        made = session(1, value, **{"commit": "a", "cells": cells, **changes})
        own = sum(map(ord, target + made.model.label + made.engine.name)) % 256
        found.append(
            replace(
                made,
                run_id=f"{at:%Y%m%d-%H%M%S}-{own:02x}{number:04x}",
                created_at=f"{at:%Y-%m-%dT%H:%M:%SZ}",
                revision=replace(made.revision, commit=f"{number:040x}") if made.revision else None,
            )
        )
    return found


def stepped(count: int, at: int, ratio: float, level: float = 10.0) -> list[float]:
    """Values at a level with 0.4 % of noise, from place `at` on at `ratio` times it."""
    return [level * (ratio if place >= at else 1.0) * (1 + 0.004 * (place % 3 - 1)) for place in range(count)]
