"""Runs as Markdown, to paste into an issue: a row for each test, then the environment and what to know of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from lab.analysis.run.summary import CellSummary, summarise
from lab.formats.metrics import NOT_MEASURED
from lab.formats.run_record import RunRecord
from lab.views.markdown import escaped, markdown_table
from lab.views.runs.environment import environment
from lab.views.runs.run_table import memory_cells, run_ended, speed_cells
from lab.views.runs.warnings import of_cells, of_run
from lab.views.table import Cells, left, measured, right


def runs_markdown(records: Sequence[RunRecord]) -> str:
    """Return one table of all tests of the runs, and a list for each run."""
    lists = ("\n".join(f"- {escaped(line)}" for line in facts_of(record)) for record in records)
    return "\n\n".join([markdown_table(*tests_table(records)), *lists])


def tests_table(records: Sequence[RunRecord]) -> Cells:
    """Return columns of what differs between runs, then rates and memory; nothing that was measured nowhere."""
    rows = [row for record in records for row in _rows(record)]
    titles = dict.fromkeys(title for row in rows for title in row)
    columns = [left(title) if title in ("Model", "Target", "Engine", "Test") else right(title) for title in titles]
    return measured(columns, [[row.get(title, NOT_MEASURED) for title in titles] for row in rows])


def _rows(record: RunRecord) -> Iterator[dict[str, str | Text]]:
    cells = summarise(record)
    names = {"Model": record.model.label, "Target": record.target.name, "Engine": record.engine.name}
    for rates, sizes in zip(_named(speed_cells(cells)), _named(memory_cells(cells)), strict=True):
        yield {**names, **rates, **{title: size for title, size in sizes.items() if title != "Test"}}


def _named(found: Cells) -> list[dict[str, str | Text]]:
    """Each row by the titles of its columns."""
    columns, rows = found
    titles = [" ".join(str(column.header).split()) for column in columns]
    return [dict(zip(titles, row, strict=True)) for row in rows]


def facts_of(record: RunRecord) -> list[str]:
    """Return a line for the run, one for its environment, and one for each warning with what to do."""
    cells: Sequence[CellSummary] = summarise(record)
    facts = [f"{name}: {text}" for name, text in environment(record)]
    warned = [f"{text}. {what_to_do}".strip() for text, what_to_do in [*of_run(record), *of_cells(record, cells)]]
    head = f"run {record.run_id} of {record.created_at}, {run_ended(record).plain}"
    return [head, "; ".join(facts), *warned]
