"""The words of a verdict: lab.analysis.judging says them, and a dashboard's file names them."""

from __future__ import annotations

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
