"""`lab runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import click

from lab.cli.options import Whole, json_option
from lab.cli.output import print_document, print_paged, stderr, warn
from lab.formats.run_record import RunStatus

if TYPE_CHECKING:
    from lab.analysis.listing import RunLine
    from lab.store import BadRun


@click.command("runs")
@click.option("--last", type=Whole(1), metavar="N", help="Only the newest N of those that the other options leave.")
@click.option("--since", metavar="DATE", help="Only runs since a day or an age: 2026-11-24, 7d, 12h.")
@click.option("--target", "-t", metavar="NAME", help="Only runs on this target.")
@click.option("--model", "-m", metavar="ID", help="Only runs of this model.")
@click.option("--engine", metavar="NAME", help="Only runs with this engine.")
@click.option("--tag", metavar="NAME", help="Only runs that carry this tag.")
@click.option(
    "--status", type=click.Choice(get_args(RunStatus)), help="Only runs that ended so, or one of whose tests did."
)
@json_option
def command(target: str | None, model: str | None, last: int | None, as_json: bool, **wanted: Any) -> None:
    """List recorded runs, oldest first.

    A file under profiles/ that cannot be read is listed with the reason, and hides no other. What is read of a run is
    kept in compiled/points/, so that the next listing reads new runs alone.

    \b
    Example:
      lab runs
      lab runs --last 20
      lab runs --since 7d --engine tvm --status failed
      lab runs --target local --model phi3-mini-q4 --json
    """
    from lab.analysis.listing import chosen, run_lines
    from lab.cli.verbs.runs.wanted import check_names, check_wanted
    from lab.views.progress import progress_on

    test = check_wanted(**wanted)
    with progress_on(stderr()) as progress:
        lines, bad = run_lines(target, model, progress)
    check_names(lines, target=target, model=model, engine=wanted["engine"], tag=wanted["tag"])
    kept = chosen(lines, test, last)
    if as_json:
        print_document(_document(kept, bad))
    else:
        few = last is not None or any(wanted.values())
        _print(kept, bad, narrowed=bool(target or model or few), few=few)


def _document(lines: list[RunLine], bad: list[BadRun]) -> dict[str, Any]:
    from lab.cli.documents import run_row
    from lab.formats.run_record import RunRecord
    from lab.store import entries, read_entries
    from lab.store.liveness import as_it_stands

    places = {line.place for line in lines}
    found = read_entries(entry for entry in entries() if entry.place in places)
    rows = [run_row(as_it_stands(run)) for run in found if isinstance(run, RunRecord)]
    return {"runs": rows, "unreadable": [{"path": str(one.path), "reason": one.reason} for one in bad]}


def _print(lines: list[RunLine], bad: list[BadRun], *, narrowed: bool, few: bool) -> None:
    """Print the table; who asked for a few runs hears of damaged files in a line, and else reads what each has."""
    from lab.core.units import counted
    from lab.store import in_use
    from lab.views.console import for_stdout, stdout_width
    from lab.views.runs.runs_table import runs_table

    nothing = f"no recorded runs {'match that ' if narrowed else ''}in {in_use().where}"
    print_paged(for_stdout(runs_table(lines, [] if few else bad, stdout_width(), nothing)))
    if bad and few:
        warn(f"{counted(len(bad), 'file')} cannot be read: `lab store check` names {'it' if len(bad) == 1 else 'them'}")
