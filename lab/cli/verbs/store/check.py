"""`lab store check` and `lab store set-aside`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lab.cli.options import json_option
from lab.cli.output import print_document, print_text, stderr
from lab.cli.verbs.store.files import files_or_none, need_files
from lab.core.errors import StoreError
from lab.store.check import Finding, check_store


@click.command("check")
@json_option
def check(as_json: bool) -> int:
    """Read every recorded run and name what cannot be believed, with the reason and the next step.

    That is: cut short, changed after it was written, no run at all, of a newer lab, twice in the store, in the wrong
    place, or of a clock that was wrong. The exit code is 1 when anything is found.

    \b
    Example:
      lab store check
      lab store check --json
    """
    from lab.store import entries

    runs = len(entries())
    findings = _findings(files_or_none())
    if as_json:
        print_document({"runs": runs, "findings": [_row(one) for one in findings]})
    elif not runs and not findings:
        from lab.store import in_use
        from lab.store.find import FIRST

        print_text(f"no runs are recorded in {in_use().where}: {FIRST}")
    else:
        from lab.views.console import for_stdout
        from lab.views.tables.store import check_page

        print_text(for_stdout(check_page(findings, runs)))
    return StoreError.exit_code if findings else 0


@click.command("set-aside")
@json_option
def set_aside(as_json: bool) -> None:
    """Move what 'lab store check' cannot believe to profiles/.set-aside/, and say where each went.

    Nothing is deleted. A file of a newer lab stays, and so does a run inside an archive that holds others.

    \b
    Example:
      lab store set-aside
    """
    from lab.store import set_aside as moving

    root = need_files("set-aside moves files")
    moved = moving.set_aside(root, _findings(root))
    if as_json:
        rows = [{**_row(one.finding), "moved_to": str(one.to) if one.to else None, "stays": one.why} for one in moved]
        print_document({"findings": rows})
        return
    from lab.views.console import for_stdout
    from lab.views.tables.store import moved_page

    print_text(for_stdout(moved_page(moved)))


def _findings(root: Path | None) -> list[Finding]:
    from lab.views.progress import progress_on

    with progress_on(stderr()) as progress:
        return check_store(root, progress)


def _row(one: Finding) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "place": str(one.place),
        "target": one.target or None,
        "reason": one.reason,
        "next": one.hint,
    }
