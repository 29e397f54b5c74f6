"""`lab bisect` for people: the commit, and what came of each one that was tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from lab.core.text import printable, said
from lab.views.table import BAD, CAUTION, FAINT, GOOD, left, right, spaced, table

WORDS = {0: ("good", GOOD), 1: ("bad", BAD), 125: ("skipped", CAUTION)}


def bisect_table(possible: Sequence[tuple[str, str]], steps: Sequence[Mapping[str, Any]], log: str) -> RenderableType:
    """The answer first; then the tested revisions in order, and git's log, which `git bisect replay` reads.

    `possible` holds commits and subjects: one is the answer, several are what it may be.
    """
    columns = [left("Commit", fold=False), left("Is", fold=False), right("Runs"), left("Because")]
    rows = [_row(step) for step in steps]
    logged = [Text(printable(line), FAINT, no_wrap=True, overflow="ignore") for line in log.splitlines()]
    return spaced([_answer(possible), table(columns, rows), Group(*logged)])


def _answer(possible: Sequence[tuple[str, str]]) -> RenderableType:
    if len(possible) == 1:
        answer = f"{possible[0][0]} {said(possible[0][1])}"
        return Text.assemble(("first bad commit: ", "bold"), answer, no_wrap=True, overflow="ignore")
    head = "the first bad commit is one of these; those between could not be tested:" if possible else "nothing found"
    return Group(Text(head, CAUTION), *(Text(f"  {commit} {said(subject)}") for commit, subject in possible))


def _row(step: Mapping[str, Any]) -> list[str | Text]:
    word, style = WORDS.get(int(step["code"]), ("stopped", BAD))
    end = f" ({step['what']} end)" if step["what"] != "step" else ""
    return [str(step["commit"])[:12], Text(word + end, style), str(len(step["runs"])), said(step["why"])]
