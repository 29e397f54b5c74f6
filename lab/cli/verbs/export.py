"""`lab export`: recorded runs in the forms of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.output import print_text, tell, warn

if TYPE_CHECKING:
    from lab.formats.run_record import RunRecord

FORMATS = ("llama-bench", "conbench", "bencher", "csv", "jsonl")
GITHUB = "https://github.com/"


@click.command("export")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--format", "format_", type=click.Choice(FORMATS), required=True, help="In whose form.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Default: stdout."
)
@click.option("--repository", metavar="URL", help="For conbench: the repository on GitHub whose commits are measured.")
def command(runs: tuple[str, ...], format_: str, output: Path | None, repository: str | None) -> None:
    """Write recorded runs in another tool's form.

    RUN is named as in 'lab show'. llama-bench: its JSON rows. conbench: a list of results to post. bencher: one Bencher
    Metric Format document. csv, jsonl: one row a repetition. Names of hosts do not leave: they are cut out of reasons.

    \b
    Example:
      lab export latest --format bencher -o results.json
      lab export latest --format conbench --repository https://github.com/org/repo
    """
    from lab import store

    if format_ == "conbench" and not (repository or "").startswith(GITHUB):
        raise click.UsageError(f"--format conbench needs --repository {GITHUB}ORG/REPO")
    text = _text([store.read(run).record for run in dict.fromkeys(runs)], format_, repository or "")
    if output is None:
        print_text(text)
    else:
        from lab.core.atomic import write_text
        from lab.core.home import shown

        write_text(output, text)
        tell(f"wrote {shown(output)}")


def _text(records: list[RunRecord], format_: str, repository: str) -> str:
    from lab.analysis.exchange.writers import flat

    if format_ == "llama-bench":
        from lab.analysis.llama_bench import llama_bench_rows

        return flat.document([row for record in records for row in llama_bench_rows(record)])
    if format_ == "conbench":
        from lab.analysis.exchange.writers.conbench import conbench_results

        return flat.document([one for record in records for one in conbench_results(record, repository)])
    if format_ == "bencher":
        return _bencher(records)
    return flat.csv_text(records) if format_ == "csv" else flat.jsonl_text(records)


def _bencher(records: list[RunRecord]) -> str:
    from lab.analysis.exchange.writers.bencher import bmf
    from lab.analysis.exchange.writers.flat import document

    found, lost = bmf(records)
    for one in lost:
        warn(f"left out, since the format has no place for it: {one}")
    return document(found)
