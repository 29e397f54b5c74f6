"""`lab store export`."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.options import json_option
from lab.cli.output import print_document, print_text, stderr, warn


@click.command("export")
@click.option(
    "--parquet",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Where to; an existing file is replaced.",
)
@click.option("--target", metavar="NAME", help="Only runs on this target.")
@click.option("--model", metavar="ID", help="Only runs of this model.")
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
