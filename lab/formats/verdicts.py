"""The words of a verdict: lab.analysis.judging gives them, views draw them, and a dashboard's file names them.

Who adds a word writes it into `Word` and gives it a row. Alarms, exit codes, colours, the order on a board and the
sentence of a report follow from the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Word = Literal[
    "faster",
    "slower",
    "same",
    "unproven",
    "smaller",
    "bigger",
    "fell-back",
    "broke",
    "fixed",
    "missing",
    "new",
    "noisier",
    "not-comparable",
]
Role = Literal["plain", "good", "bad", "caution", "faint"]  # repeats in colour what a word says, and nothing else


@dataclass(frozen=True, kw_only=True)
class VerdictWord:
    """One word. Of several, that of the highest `rank` stands first where there is room for one only.

    An `alarm` should stop a release: it makes exit code 3. `is_comparison` is false of what leaves nothing to compare,
    exit code 5 where there is nothing else. `sentence` is for reports that leave the house; without one the word stands
    for itself.
    """

    name: Word
    rank: int
    role: Role
    alarm: bool = False
    is_comparison: bool = True
    sentence: str | None = None


_ROWS = (
    VerdictWord(
        name="broke", rank=9, role="bad", alarm=True, sentence="gave numbers on the baseline and gives none now"
    ),
    VerdictWord(name="fell-back", rank=8, role="bad", alarm=True, sentence="ran on something else than was asked for"),
    VerdictWord(
        name="missing", rank=7, role="bad", alarm=True, sentence="was measured on the baseline and is not there now"
    ),
    VerdictWord(name="slower", rank=6, role="bad", alarm=True),
    VerdictWord(name="bigger", rank=6, role="bad", alarm=True),
    VerdictWord(name="noisier", rank=5, role="bad", alarm=True),
    VerdictWord(name="unproven", rank=3, role="caution"),
    VerdictWord(name="fixed", rank=2, role="good", sentence="gave no numbers on the baseline and gives them now"),
    VerdictWord(name="faster", rank=2, role="good"),
    VerdictWord(name="smaller", rank=2, role="good"),
    VerdictWord(
        name="not-comparable",
        rank=1,
        role="caution",
        is_comparison=False,
        sentence="the two sides do not measure the same thing",
    ),
    VerdictWord(name="new", rank=1, role="faint", is_comparison=False, sentence="was not measured on the baseline"),
    VerdictWord(name="same", rank=0, role="faint"),
)

VERDICTS: dict[str, VerdictWord] = {row.name: row for row in _ROWS}
