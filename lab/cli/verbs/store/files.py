"""The folder of recorded runs, for the verbs that are about files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from lab.core.errors import UsageError
from lab.core.home import profiles_dir, store_url

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # before every run


def files_or_none() -> Path | None:
    """Return profiles/, or None when runs are rows of a database."""
    return None if store_url() else profiles_dir()


def need_files(why: str) -> Path:
    """Return profiles/; UsageError, which says `why`, when runs are rows of a database."""
    root = files_or_none()
    if root is None:
        hint = "unset LAB_STORE, or use the database's own means"
        raise UsageError(f"{why}, and LAB_STORE names a database", hint=hint)
    return root


def days_ago(days: float) -> datetime:
    """Return the time that was so many days ago."""
    now = datetime.now(UTC)
    return now - timedelta(days=min(days, (now - EPOCH).days))
