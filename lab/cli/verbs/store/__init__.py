"""`lab store` and its subcommands."""

from __future__ import annotations

import click

from lab.cli.options import json_option
from lab.cli.output import print_document, print_text, stderr
from lab.cli.verbs.store.check import check, set_aside
from lab.cli.verbs.store.compact import compact, prune
from lab.cli.verbs.store.export import export
from lab.cli.verbs.store.remove import remove


@click.group("store")
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


for subcommand in (check, set_aside, compact, prune, remove, export):
    command.add_command(subcommand)
