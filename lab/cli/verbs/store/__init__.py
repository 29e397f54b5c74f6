"""`lab store` and its subcommands; those that take runs elsewhere, copy and export, stand here."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.options import json_option
from lab.cli.output import print_document, print_text, stderr, warn
from lab.cli.subcommands import Subcommands
from lab.cli.verbs.store.check import check, set_aside
from lab.cli.verbs.store.compact import compact, prune, remove


@click.group("store", cls=Subcommands)
def command() -> None:
    """Look after the recorded runs: check, archive, prune, remove, export, and copy them.

    Runs are files under profiles/ (in $LAB_HOME, else in the working folder), or rows of the PostgreSQL database
    that $LAB_STORE names.

    \b
    Example:
      lab store copy --to backup
    """


@command.command("copy")
@click.option("--to", "to", metavar="URL|DIR", required=True, help="Where to: a database's URL, or a folder.")
@click.option("--from", "source", metavar="URL|DIR", help="Where from; default: the store in use.")
@json_option
def copy(to: str, source: str | None, as_json: bool) -> int:
    """Copy every recorded run into another store, without loss.

    A folder is one that $LAB_HOME could name: runs lie in its profiles/. Documents are copied byte for byte, and
    what is there already is left alone, so the same command goes on where it was stopped. A damaged run is named
    and not copied; one that is there with other content is named and not overwritten, except that a finished run
    takes the place of its own unfinished state. Either leaves with exit code 1.

    \b
    Example:
      lab store copy --to backup
      lab store copy --to postgresql://bench@db.example.org/lab
      lab store copy --from postgresql://bench@db.example.org/lab --to . --json
    """
    from lab.jobs.interrupt import keeping
    from lab.store.choose import in_use, store_at
    from lab.store.copy import copy_runs
    from lab.views.progress import progress_on

    origin, goal = in_use() if source is None else store_at(source), store_at(to)
    with keeping("what was copied stays; the same command goes on from there"), progress_on(stderr()) as progress:
        found = copy_runs(origin, goal, progress)
    if as_json:
        from lab.cli.documents import copied_document

        print_document(copied_document(origin.name, goal.name, found))
    else:
        from lab.views.console import for_stdout
        from lab.views.tables.store import copied_text

        print_text(for_stdout(copied_text(goal.name, found)))
    return found.exit_code


@click.command("export")
@click.option(
    "--parquet",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to; an existing file is replaced.",
)
@click.option("--target", "-t", metavar="NAME", help="Only runs on this target.")
@click.option("--model", "-m", metavar="ID", help="Only runs of this model.")
@json_option
def export(path: Path, target: str | None, model: str | None, as_json: bool) -> None:
    """Write every repetition of the recorded runs as one Parquet table, raw samples in list columns.

    It is for pandas, DuckDB, Spark and the like; docs/notebooks.md names the columns. A run that cannot be read is
    named on stderr and left out. To move whole runs to another machine use 'lab store copy'.

    \b
    Example:
      lab store export --parquet runs.parquet
      lab store export --parquet runs.parquet --target local
    """
    from lab.analysis.parquet import write_parquet
    from lab.cli.recorded import listed
    from lab.core.home import shown
    from lab.core.text import said
    from lab.views.progress import progress_on

    records, bad = listed(target, model)
    for one in bad:
        warn(said(one.reason))
    with progress_on(stderr()) as progress, progress.phase("exporting", len(records), "runs") as advance:
        rows = write_parquet(path, records, advance)
    if as_json:
        print_document({"path": str(path), "runs": len(records), "rows": rows, "unreadable": len(bad)})
    else:
        print_text(f"{shown(path)}: {rows} repetitions of {len(records)} runs")


for subcommand in (check, set_aside, compact, prune, remove, export):
    command.add_command(subcommand)
