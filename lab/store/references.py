"""Runs that something in the home refers to."""

from __future__ import annotations

import re
from pathlib import Path

RUN_ID = re.compile(rb"\d{8}-\d{6}-[0-9a-f]{6}")
WHERE = ("accepted.toml", "floors/*.json", "dashboards/*.toml")


def named_runs(home: Path) -> set[str]:
    """Return every run id that stands in accepted levels, learned floors or dashboards: somebody compares with it."""
    files = [path for pattern in WHERE for path in home.glob(pattern) if path.is_file()]
    return {found.decode() for path in files for found in RUN_ID.findall(path.read_bytes())}
