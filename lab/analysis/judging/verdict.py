"""What a judge says: a word for each cell and metric, with everything that led to it."""

from __future__ import annotations

from dataclasses import dataclass

from lab.analysis.points.key import CellKey, Fields, SeriesKey
from lab.formats.verdicts import VERDICTS, Word


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One cell and metric (STATUS where the cell as a whole is judged).

    `a` and `b` are medians over `sessions_a` and `sessions_b` sessions in the metric's own unit, `ratio` is b / a with
    its 95 % `interval`. `p` is of `test`, `p_adjusted` the same after the correction over all cells. `floor` is the
    smallest difference that counts. `needed` is how many sessions more each side needs to prove a difference of the
    size seen. `confirmed` says what measuring both again in turns gave; None where that was not done. `reason` is a
    sentence. `settings` are the fields that tell it from other verdicts of its cell: a side that measured a test with
    and without flash attention has two. `series_a` and `series_b` are what was compared (of a cell as a whole, its
    STATUS), None where a side has none; no document holds them.
    """

    cell: CellKey
    word: Word
    reason: str
    a: float | None = None
    b: float | None = None
    sessions_a: int = 0
    sessions_b: int = 0
    ratio: float | None = None
    interval: tuple[float, float] | None = None
    floor: float | None = None
    test: str | None = None
    p: float | None = None
    p_adjusted: float | None = None
    needed: int | None = None
    confirmed: bool | None = None
    settings: Fields = ()
    series_a: SeriesKey | None = None
    series_b: SeriesKey | None = None

    @property
    def is_alarm(self) -> bool:
        """Whether it should stop a release."""
        return VERDICTS[self.word].alarm


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """All verdicts of one comparison of side `a` (the baseline) with side `b`.

    `notes` say what differs between the sides and does not keep them from being compared.
    """

    a: str
    b: str
    verdicts: tuple[Verdict, ...]
    level: float
    correction: str
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """3 when something got worse, 5 when nothing could be compared, else 0."""
        rows = [VERDICTS[verdict.word] for verdict in self.verdicts]
        if any(row.alarm for row in rows):
            return 3
        return 0 if any(row.is_comparison for row in rows) else 5
