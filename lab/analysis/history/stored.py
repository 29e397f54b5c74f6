"""The history of the store: what was accepted, and the floors that were learned, go in by one door."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any

from lab.analysis.history.change_points import ChangePoint, Search, search
from lab.analysis.history.regressions import History, judge_history
from lab.analysis.points.cache import kept_file, origin
from lab.analysis.points.table import Points
from lab.core.atomic import write_text
from lab.core.errors import LabError
from lab.core.progress import NullProgress, Progress
from lab.formats.acks import load_acks
from lab.formats.calibration import load_floors
from lab.formats.revision import repository

SCHEMA = 1
FIRST = "analysis/history/change_points.py"  # what finds them, and imports all that it takes
WORTH_SAYING = 50  # series: searching fewer is over before a person looks
UNUSED = 2000  # series that are kept though nobody asked for them this time, the last used first


def changes_file() -> Path:
    """Return where the change points of this store are kept: beside its points."""
    return kept_file().with_suffix(".changes.json")


class Known:
    """What was found before, by `path`, and what is found now. `progress` counts where there is much to search."""

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        self._path = path
        self._progress = progress or NullProgress()
        self._before = _read(path)

    def find(self, several: Sequence[Search]) -> list[tuple[ChangePoint, ...]]:
        """Return the changes of each as `search` does, and keep them."""
        keys = [_key(one) for one in several]
        missing = {key: one for key, one in zip(keys, several, strict=True) if key not in self._before}
        new = self._searched(missing)
        every = self._before | new
        if new:
            self._write(keys, every)
        return [every[key] for key in keys]

    def _searched(self, missing: dict[str, Search]) -> dict[str, tuple[ChangePoint, ...]]:
        progress = self._progress if len(missing) >= WORTH_SAYING else NullProgress()
        found = {}
        with progress.phase("looking for changes", len(missing), "series") as advance:
            for key, one in missing.items():
                [found[key]] = search([one])
                advance(1)
        return found

    def _write(self, used: Sequence[str], every: dict[str, tuple[ChangePoint, ...]]) -> None:
        """A disk that refuses costs the next command time, and no more."""
        mine = dict.fromkeys(used)
        unused = [key for key in every if key not in mine][-UNUSED:]
        rows = {key: [astuple(one) for one in every[key]] for key in (*unused, *mine)}
        with suppress(LabError):
            write_text(self._path, json.dumps({"schema": SCHEMA, "origin": origin(FIRST), "found": rows}))


def _key(one: Search) -> str:
    return hashlib.sha256(one.values.tobytes() + struct.pack("dd", one.level, one.floor)).hexdigest()


def _read(path: Path) -> dict[str, tuple[ChangePoint, ...]]:
    try:
        text = json.loads(path.read_bytes())
        whole = (text["schema"], text["origin"]) == (SCHEMA, origin(FIRST))
        return {key: tuple(_point(*one) for one in found) for key, found in text["found"].items()} if whole else {}
    except Exception:  # nothing there, or damage, which has many names: all mean that it is searched anew
        return {}


def _point(index: Any, before: Any, after: Any, p: Any) -> ChangePoint:
    """Raises TypeError for what are no numbers."""
    return ChangePoint(index + 0, before + 0.0, after + 0.0, p + 0.0)


def stored_history(points: Points, progress: Progress | None = None) -> History:
    """Judge the histories of `points` by `accepted.toml` and the learned floors of LAB_HOME.

    They stand in the order of the repository around the working folder, if there is one. Change points that were found
    before come from a cache (`Known`); `progress` counts the series that are searched.

    Raises:
        LabError: one of these files cannot be read.
    """
    known = Known(changes_file(), progress)
    return judge_history(points, load_acks(), floors=load_floors(), repository=repository(), find=known.find)
