"""`lab store remove`."""

from __future__ import annotations

import click

from lab.cli.options import json_option
from lab.cli.output import print_document, print_text, warn


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
    from lab.store.references import named_runs
    from lab.store.remove import remove_entries

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
