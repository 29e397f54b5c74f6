"""One change of level in a history, as people are told of it and accept it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lab.analysis.history.series import Seam
from lab.analysis.points.key import CellKey, Fields, SeriesKey
from lab.formats.verdicts import Word

NEAR = 3  # sessions by which the place of a change may be off


@dataclass(frozen=True, kw_only=True)
class Regression:
    """One change of level; `word` says whether it is one for the worse.

    `before` and `after` are medians over `sessions_before` and `sessions_after` sessions in the metric's own unit,
    `ratio` is after / before. `run_id` and `created_s` (seconds since 1970) are of the first run at the new level,
    `commits` are the last one before it and the first one at it, "" where a record has none. `newest` says that no
    other change came after it, `open` that it is for the worse, not accepted, and not made good since. `seams` are all
    changes of conditions in its history, `run_ids` those of the runs of `values`, `settings` what tells it from other
    histories of its cell, `columns` which columns of the tool came or went with it at their default.
    """

    key: SeriesKey
    word: Word
    ratio: float
    before: float
    after: float
    sessions_before: int
    sessions_after: int
    p: float
    run_id: str
    created_s: int
    commits: tuple[str, str]
    newest: bool
    open: bool
    acknowledged: str | None
    values: tuple[float, ...]
    index: int
    run_ids: tuple[str, ...] = ()
    seams: tuple[Seam, ...] = ()
    settings: Fields = ()
    columns: tuple[str, ...] = ()

    @property
    def cell(self) -> CellKey:
        """What changed."""
        return self.key.cell

    @property
    def is_worse(self) -> bool:
        """Whether it is a regression in the word's own sense."""
        return self.word in ("slower", "bigger")

    @property
    def here(self) -> tuple[Seam, ...]:
        """The changes of conditions at the place of this change, give or take what its place may be off."""
        return tuple(seam for seam in self.seams if abs(seam.index - self.index) <= NEAR)

    @property
    def when(self) -> str:
        """The time of the first run at the new level, UTC."""
        return datetime.fromtimestamp(self.created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
