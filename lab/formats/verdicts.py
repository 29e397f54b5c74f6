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

    `name` is what files and programs read, and never changes; `label` is what people read. An `alarm` should stop a
    release: it makes exit code 3. `is_comparison` is false of what leaves nothing to compare, exit code 5 where there
    is nothing else. `sentence` is for reports that leave the house; without one the label stands for itself. `meaning`
    explains the word in the legend.
    """

    name: Word
    rank: int
    role: Role
    meaning: str
    alarm: bool = False
    is_comparison: bool = True
    sentence: str | None = None
    label: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.name.replace("-", " "))


_ROWS = (
    VerdictWord(
        name="broke",
        rank=9,
        role="bad",
        alarm=True,
        sentence="gave results on the baseline and gives none now",
        meaning="The candidate crashed, failed, or computed a wrong output: in all of its sessions, or in some of them"
        " while the baseline has none that did.",
    ),
    VerdictWord(
        name="fell-back",
        rank=8,
        role="bad",
        alarm=True,
        sentence="requested GPU, ran on CPU",
        meaning="A GPU was requested, and the candidate ran on a CPU.",
    ),
    VerdictWord(
        name="missing",
        rank=7,
        role="bad",
        alarm=True,
        sentence="missing from the candidate",
        meaning="The baseline has a measurement of this test, the candidate has none.",
    ),
    VerdictWord(
        name="slower",
        rank=6,
        role="bad",
        alarm=True,
        meaning="A lower rate or a longer time, above the threshold and statistically significant.",
    ),
    VerdictWord(
        name="bigger",
        rank=6,
        role="bad",
        alarm=True,
        meaning="More memory, above the threshold and statistically significant.",
    ),
    VerdictWord(
        name="noisier",
        rank=5,
        role="bad",
        alarm=True,
        meaning="The spread between or within sessions grew by half or more, statistically significant.",
    ),
    VerdictWord(
        name="unproven",
        label="inconclusive",
        rank=3,
        role="caution",
        meaning="Not enough data, or too much noise: the confidence interval includes both no change and a change"
        " above the threshold.",
    ),
    VerdictWord(
        name="fixed",
        rank=2,
        role="good",
        sentence="gave no results on the baseline and gives them now",
        meaning="The baseline gave no results (or fell back to a CPU), the candidate gives them.",
    ),
    VerdictWord(
        name="faster",
        rank=2,
        role="good",
        meaning="A higher rate or a shorter time, above the threshold and statistically significant.",
    ),
    VerdictWord(
        name="smaller",
        rank=2,
        role="good",
        meaning="Less memory, above the threshold and statistically significant.",
    ),
    VerdictWord(
        name="not-comparable",
        rank=1,
        role="caution",
        is_comparison=False,
        sentence="the two sides do not measure the same thing",
        meaning="The two sides were measured by different rules or under conditions that must not be compared.",
    ),
    VerdictWord(
        name="new",
        rank=1,
        role="faint",
        is_comparison=False,
        sentence="no baseline measurement",
        meaning="The candidate has a measurement of this test, the baseline has none.",
    ),
    VerdictWord(
        name="same",
        rank=0,
        role="faint",
        meaning="The whole confidence interval of the change lies within the threshold.",
    ),
)

VERDICTS: dict[str, VerdictWord] = {row.name: row for row in _ROWS}


def word_label(word: str) -> str:
    """Return what people read for a verdict or a status: `inconclusive` for `unproven`, `not run` for `not_run`."""
    return VERDICTS[word].label if word in VERDICTS else word.replace("-", " ").replace("_", " ")
