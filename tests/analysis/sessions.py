"""Histories of many sessions for tests of what judges them: runs like the sound record, with chosen rates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.formats.run_record import RunRecord
from tests.analysis.documents import cell, record

START = datetime(2026, 11, 1, tzinfo=UTC)
OLD, NEW = "a" * 40, "b" * 40
# How sessions of an unchanged build differ from each other: about 1 %.
NOISE = (1.0, 1.012, 0.992, 1.007, 0.988, 1.003, 0.995, 1.009)


def session(number: int, rate: float, commit: str = OLD, **changes: Any) -> RunRecord:
    """The `number`-th session, an hour after the one before, decoding at `rate` tok/s."""
    at = START + timedelta(hours=number)
    return record(
        **{
            "run_id": f"{at:%Y%m%d-%H%M%S}-{number:06x}",
            "created_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "revision": {"commit": commit, "dirty": False},
            "cells": [cell([rate * part for part in (0.99, 1.0, 1.01)], [50.0, 51.0, 52.0])],
            **changes,
        }
    )


def sessions(first: int, rate: float, many: int = 5, commit: str = OLD, **changes: Any) -> list[RunRecord]:
    """Sessions that differ by NOISE around `rate`."""
    return [session(first + i, rate * NOISE[i % len(NOISE)], commit, **changes) for i in range(many)]


def failed(number: int, reason: str, commit: str = NEW) -> RunRecord:
    """A session that gave no numbers."""
    broken = {**cell(), "status": "failed", "reason": reason, "repetitions": [], "memory": None}
    return session(number, 1.0, commit, status="failed", reason=reason, cells=[broken])


def regression() -> Iterable[RunRecord]:
    """Five sessions of OLD and five of NEW, which decodes 20 % slower."""
    return [*sessions(0, 10.0), *sessions(10, 8.0, commit=NEW)]
