"""`lab import`: results that another program measured, as recorded runs."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli.options import json_option
from lab.cli.output import print_document, print_text, stderr, tell

if TYPE_CHECKING:
    from lab.analysis.exchange.imports.import_runs import Kept
    from lab.analysis.exchange.readers.files import ReadFile
    from lab.core.progress import Progress
    from lab.formats.run_record import RunRecord

WORTH_SAYING = 8 << 20  # bytes: less is read before a person looks


@click.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--target",
    "-t",
    metavar="NAME",
    help="Device; see 'lab targets'. Here any name will do; runs of another lab bring theirs.",
)
@click.option("--format", "format_", metavar="FORMAT", help="What the files are; default: found out from the content.")
@click.option("--date", metavar="DATE", help="When rows were measured that do not say it: 2026-11-24.")
@click.option("--emulated", is_flag=True, help="They were measured on an emulated device.")
@click.option("--dry-run", is_flag=True, help="Say what would be stored, and store nothing.")
@json_option
def command(
    files: tuple[Path, ...],
    target: str | None,
    format_: str | None,
    date: str | None,
    emulated: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take results of other programs into the store.

    Reads llama-bench's JSON, JSONL, CSV, SQL and its printed table, PocketPal's benchmark reports, MLPerf Mobile's
    results, and runs of another lab; `-` is stdin. Lines of a log between rows are left out and counted, and of a file
    that was cut its whole rows are taken. All rows of all files are checked before the first is stored. Each row
    counts once, so a file that grows is imported again as it is. Imported runs are never compared with lab's own,
    which keep other rules.

    \b
    Example:
      llama-bench -m model.gguf -o jsonl | lab import - --target pixel8
      lab import results.json --target pixel8
    """
    from lab.analysis.exchange.imports.import_runs import sort_out
    from lab.analysis.exchange.imports.save import save_all
    from lab.views.progress import progress_on

    with progress_on(stderr()) as progress, _rare_collections():
        read = _read(files, target, format_, date, emulated, progress)
        kept = sort_out(read)
        if not dry_run:
            save_all(kept, progress)
    if as_json:
        print_document(_document(read, kept, dry_run))
    else:
        _say(read, kept, dry_run)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the garbage collector look less often: rows are millions of objects in no circle, and it took a fifth."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _read(
    files: tuple[Path, ...],
    target: str | None,
    format_: str | None,
    date: str | None,
    emulated: bool,
    progress: Progress,
) -> list[ReadFile]:
    from lab.analysis.exchange.readers.dates import given_date
    from lab.analysis.exchange.readers.files import FORMATS, read_file
    from lab.core.errors import UsageError
    from lab.core.names import check_name
    from lab.core.progress import NullProgress
    from lab.core.suggest import check_known

    if target is not None:
        check_name("target", target, UsageError)
    if format_ is not None:
        check_known("format", format_, FORMATS)
    given = given_date(date) if date is not None else None
    size = sum(path.stat().st_size for path in files if path.is_file())
    shown = progress if size > WORTH_SAYING else NullProgress()
    with shown.phase("reading", size, "bytes") as advance:
        return [read_file(path, target, format_, emulated=emulated, date=given, advance=advance) for path in files]


def _say(read: list[ReadFile], kept: list[Kept], dry_run: bool) -> None:
    from lab.views.console import for_stdout, stdout_width
    from lab.views.tables.imported import MOST, import_table, left_out_lines

    rows = [(one, _record(one)) for one in kept[:MOST]]
    print_text(for_stdout(import_table(rows, kept, stdout_width(), dry_run=dry_run)))
    for file in read:
        for line in left_out_lines(file):
            tell(line)


def _record(one: Kept) -> RunRecord:
    """The run as it is now, or would be."""
    from lab.analysis.exchange.imports.save import shown_record

    return shown_record(one)


def _document(read: list[ReadFile], kept: list[Kept], dry_run: bool) -> dict[str, Any]:
    from lab.cli.documents import run_row

    return {
        "dry_run": dry_run,
        "files": [_file(file) for file in read],
        "runs": [{"outcome": one.outcome, **_counts(one), **run_row(_record(one))} for one in kept],
    }


def _file(file: ReadFile) -> dict[str, Any]:
    return {
        "file": str(file.path),
        "format": file.format,
        "tests": len(file.tests),
        "skipped": [{"row": row, "reason": reason} for row, reason in file.skipped],
        "left_out": [{"line": one.line, "kind": one.kind, "text": one.text} for one in file.left_out],
        "left_out_counts": file.counts,
        "notes": file.notes,
    }


def _counts(one: Kept) -> dict[str, int]:
    return {"tests_added": len(one.tests) - one.sampled, "tests_sampled": one.sampled, "tests_known": one.known}
