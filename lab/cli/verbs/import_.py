"""`lab import`: results that another program measured, as recorded runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli.options import json_option
from lab.cli.output import print_document, print_text, tell

if TYPE_CHECKING:
    from lab.analysis.exchange.files import ReadFile
    from lab.analysis.exchange.keep import Kept


@click.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--target",
    metavar="NAME",
    help="Device; see 'lab targets'. Here any name will do; runs of another lab bring theirs.",
)
@click.option("--format", "format_", metavar="FORMAT", help="What the files are; default: found out from the content.")
@click.option("--emulated", is_flag=True, help="They were measured on an emulated device.")
@click.option("--dry-run", is_flag=True, help="Say what would be stored, and store nothing.")
@json_option
def command(
    files: tuple[Path, ...], target: str | None, format_: str | None, emulated: bool, dry_run: bool, as_json: bool
) -> None:
    """Take results of other programs into the store.

    Reads llama-bench's JSON, JSONL, CSV and SQL, PocketPal's benchmark reports, MLPerf Mobile's results, and runs of
    another lab. All rows of all files are checked before the first is stored. What is there already stays as it is.
    Imported runs are never compared with lab's own, which keep other rules.

    \b
    Example:
      llama-bench -m model.gguf -o json > results.json
      lab import results.json --target pixel8
    """
    from lab.analysis.exchange.keep import save_new, sort_out

    read = _read(files, target, format_, emulated)
    kept = sort_out([record for file in read for record in file.records])
    if not dry_run:
        save_new(kept)
    if as_json:
        print_document(_document(read, kept, dry_run))
    else:
        _say(read, kept, dry_run)


def _read(files: tuple[Path, ...], target: str | None, format_: str | None, emulated: bool) -> list[ReadFile]:
    from lab.analysis.exchange.files import FORMATS, read_file
    from lab.core.errors import UsageError
    from lab.core.names import check_name
    from lab.core.suggest import unknown

    if target is not None:
        check_name("target", target, UsageError)
    if format_ is not None and format_ not in FORMATS:
        raise UsageError(unknown("format", format_, FORMATS))
    return [read_file(path, target, format_, emulated=emulated) for path in files]


def _say(read: list[ReadFile], kept: list[Kept], dry_run: bool) -> None:
    from lab.views.console import for_stdout, stdout_width
    from lab.views.import_table import import_table

    print_text(for_stdout(import_table(kept, stdout_width(), dry_run=dry_run)))
    for file in read:
        for row, reason in file.skipped:
            tell(f"skipped: {file.path.name}: row {row}: {reason}")


def _document(read: list[ReadFile], kept: list[Kept], dry_run: bool) -> dict[str, Any]:
    from lab.cli.documents import run_row

    return {
        "dry_run": dry_run,
        "files": [
            {"file": str(file.path), "format": file.format, "runs": len(file.records), "skipped": _skipped(file)}
            for file in read
        ],
        "runs": [{"outcome": one.outcome, **run_row(one.record)} for one in kept],
    }


def _skipped(file: ReadFile) -> list[dict[str, Any]]:
    return [{"row": row, "reason": reason} for row, reason in file.skipped]
