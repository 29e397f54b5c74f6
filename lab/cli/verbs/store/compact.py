"""`lab store compact`, `lab store prune` and `lab store remove`: what makes room."""

from __future__ import annotations

from dataclasses import asdict

import click

from lab.cli.options import Whole, json_option
from lab.cli.output import print_document, print_text, stderr, warn
from lab.cli.verbs.store.files import days_ago, need_files
from lab.jobs.interrupt import keeping

KEPT = "every run is in its file or in its archive; give the command again to finish"


@click.command("compact")
@click.option("--older-than", "days", type=Whole(0), default=90, metavar="DAYS", help="Default: 90.")
@json_option
def compact(days: int, as_json: bool) -> None:
    """Put old runs into archives: one Parquet file a target and month, with every document in it byte for byte.

    Archived runs are listed, shown, compared and judged like others, raw samples and all. An archive is read back
    and compared before a file goes; stopped at any moment, nothing is lost and nothing counts twice.

    \b
    Example:
      lab store compact
      lab store compact --older-than 30
    """
    from lab.store import compact as compacting
    from lab.views.progress import progress_on

    root = need_files("compact makes archives of files")
    with keeping(KEPT), progress_on(stderr()) as progress:
        done, left = compacting.compact(root, days_ago(days), progress)
    if as_json:
        rows = [{**asdict(one), "archive": str(one.archive)} for one in done]
        print_document({"archives": rows, "left": [{"path": str(one.path), "reason": one.reason} for one in left]})
        return
    from lab.views.console import for_stdout
    from lab.views.tables.store import compacted_page

    print_text(for_stdout(compacted_page(done, left)))


@click.command("prune")
@click.option("--older-than", "days", type=Whole(0), required=True, metavar="DAYS", help="Only runs that old.")
@click.option("--keep", type=Whole(0), default=20, metavar="N", help="Newest of each line; default: 20.")
@click.option("--yes", is_flag=True, help="Remove what is listed, for good.")
@json_option
def prune(days: int, keep: int, yes: bool, as_json: bool) -> None:
    """List old runs that nothing refers to, or remove them for good with --yes.

    Always kept: the N newest of each target, model and engine; runs with a tag; runs that accepted.toml, floors/ or
    dashboards/ name; and what cannot be read. 'lab store compact' keeps everything and needs little room.

    \b
    Example:
      lab store prune --older-than 365
      lab store prune --older-than 365 --keep 50 --yes
    """
    from lab.analysis.points.load import load_points
    from lab.analysis.retention import prunable
    from lab.core.home import lab_home
    from lab.store import place
    from lab.store.remove import named_runs, remove_runs
    from lab.views.progress import progress_on

    root = need_files("prune removes files")
    with progress_on(stderr()) as progress:
        points = load_points(progress=progress).points
    doomed = prunable(points, keep, days_ago(days).timestamp(), named_runs(lab_home()))
    if yes:
        remove_runs(root, [place(one.place) for one in doomed])
    if as_json:
        print_document({"removed": yes, "runs": [asdict(one) for one in doomed]})
        return
    from lab.views.console import for_stdout
    from lab.views.tables.store import prune_page

    print_text(for_stdout(prune_page(doomed, yes)))


@click.command("remove")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Remove what is listed, for good.")
@json_option
def remove(runs: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """List single runs, or remove them for good with --yes: what was imported under a wrong target, for one.

    RUN is an id, the beginning of one, or `latest`. All are looked up before the first is removed. A run that
    accepted.toml, floors/ or dashboards/ name is removed all the same, and that is told.

    \b
    Example:
      lab store remove 20260101-020000-d0a093
      lab store remove 20260101-020000-d0a093 --yes
    """
    from lab.core.home import lab_home
    from lab.store import entries, find
    from lab.store.remove import named_runs, remove_entries

    places = {str(find(run)) for run in runs}
    doomed = [entry for entry in entries() if entry.place in places]
    if yes:
        remove_entries(doomed)
    for run_id in sorted(named_runs(lab_home()) & {entry.run_id for entry in doomed}):
        warn(f"run {run_id} is named in accepted.toml, floors/ or dashboards/")
    if as_json:
        rows = [{"run_id": one.run_id, "target": one.target, "model": one.label, "path": one.place} for one in doomed]
        print_document({"removed": yes, "runs": rows})
        return
    from lab.views.console import for_stdout
    from lab.views.tables.store import removed_page

    print_text(for_stdout(removed_page(doomed, yes)))
