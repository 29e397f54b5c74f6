"""`lab runs`."""

from __future__ import annotations

import click

from lab.cli.options import json_option
from lab.cli.output import print_document, print_text


@click.command("runs")
@click.option("--target", metavar="NAME", help="Only runs on this target.")
@click.option("--model", metavar="ID", help="Only runs of this model.")
@json_option
def command(target: str | None, model: str | None, as_json: bool) -> None:
    """List recorded runs, oldest first.

    A file under profiles/ that cannot be read is listed with the reason, and hides no other.

    \b
    Example:
      lab runs
      lab runs --target local --model phi3-mini-q4 --json
    """
    from lab.cli.recorded import listed

    records, bad = listed(target, model)
    if as_json:
        from lab.cli.documents import run_row

        unreadable = [{"path": str(one.path), "reason": one.reason} for one in bad]
        print_document({"runs": [run_row(record) for record in records], "unreadable": unreadable})
        return
    from lab.views.console import for_stdout, stdout_width
    from lab.views.runs.runs_table import runs_table

    print_text(for_stdout(runs_table(records, bad, stdout_width())))
