"""What a reader has to know before believing a run, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from lab.analysis.run.advice import advice
from lab.analysis.run.flags import run_flags
from lab.analysis.run.summary import CellSummary
from lab.core.text import clipped
from lab.formats.run_record import RunRecord
from lab.views.table import CAUTION

Warned = tuple[str, str]  # what is the matter, and what to do; the second is empty where the next line has it


def of_run(record: RunRecord) -> list[Warned]:
    """Return what holds for the whole run."""
    return [(clipped(flag.text), _sentence(advice(flag.code, record))) for flag in run_flags(record)]


def of_cells(record: RunRecord, cells: Sequence[CellSummary]) -> list[Warned]:
    """Return what holds for single tests: those of one kind follow each other, and the last of them has the advice."""
    kinds: dict[str, dict[str, list[str]]] = {}
    for cell in cells:
        for flag in cell.flags:
            kinds.setdefault(flag.code, {}).setdefault(flag.text, []).append(cell.label)
    return [line for code, texts in kinds.items() for line in _of_kind(texts, _sentence(advice(code, record)))]


def _of_kind(texts: dict[str, list[str]], what_to_do: str) -> Iterator[Warned]:
    for place, (text, labels) in enumerate(texts.items(), start=1):
        yield f"{', '.join(labels)}: {clipped(text)}", what_to_do if place == len(texts) else ""


def _sentence(text: str) -> str:
    """Half a sentence as a whole one: a command or an option at its beginning stays as it is."""
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def warning_lines(warned: Sequence[Warned]) -> RenderableType:
    """Render a `!` line for each; what to do follows in plain."""
    built = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    built.add_column(style=CAUTION, no_wrap=True)
    built.add_column(overflow="fold")
    for text, what_to_do in warned:
        line = Text(text, CAUTION)
        built.add_row("!", line.append(f". {what_to_do}", "none") if what_to_do else line)
    return built
