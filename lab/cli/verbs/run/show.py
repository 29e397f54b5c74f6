"""What `lab run` prints of the runs that it made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lab.cli.output import print_json_text, print_text
from lab.formats.run_record import RunRecord

Form = Literal["table", "json", "markdown"]


def show(records: Sequence[RunRecord], form: Form) -> None:
    """Print the table of one run, or of the engines that took turns; as JSON the records."""
    if form == "json":
        from lab.store import run_path

        print_files([str(run_path(record)) for record in records])
        return
    if form == "markdown":
        from lab.views.runs.run_markdown import runs_markdown

        print_text(runs_markdown(records))
        return
    from lab.views.console import for_stdout, stdout_width

    if len(records) > 1:
        from lab.analysis.compare.side_by_side import side_by_side
        from lab.views.runs.engines_table import engines_table

        print_text(for_stdout(engines_table(side_by_side(records), stdout_width())))
        return
    from lab.views.runs.run_table import run_table

    print_text(for_stdout(run_table(records[0], stdout_width())))


def print_files(paths: Sequence[str]) -> None:
    """Print the records exactly as they are stored; several as one list."""
    from lab import store

    texts = [store.content(store.place(path)).decode("utf-8").rstrip("\n") for path in paths]
    if texts:
        print_json_text(texts[0] if len(texts) == 1 else "[\n" + ",\n".join(texts) + "\n]")
