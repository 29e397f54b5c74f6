"""`lab show RUN`."""

from __future__ import annotations

from contextlib import nullcontext

import click

from lab.cli.options import json_option
from lab.cli.output import print_document, print_json_text, print_text


@click.command("show")
@click.argument("run", metavar="RUN")
@click.option("--export", type=click.Choice(["llama-bench"]), help="Print the run in another tool's JSON.")
@click.option("--raw", is_flag=True, help="Cut no text, however long.")
@json_option
def command(run: str, export: str | None, raw: bool, as_json: bool) -> None:
    """Show one recorded run with every raw detail.

    RUN is a run id, a unique beginning of one, 'latest', 'latest~1', or the path of a file. With --json the
    document is printed exactly as it is stored, raw samples and all. A text of more than 500 characters is cut, with
    how many it has, unless --raw is given.

    \b
    Example:
      lab show latest
      lab show latest~1 --export llama-bench
    """
    if as_json and export:
        raise click.UsageError("--json cannot be used with --export, which prints JSON of its own kind")
    from lab import store

    place = store.find(run)
    document = store.content(place)
    record = store.load(place, document)
    if as_json:
        print_json_text(document.decode("utf-8"))
    elif export:
        from lab.analysis.llama_bench import llama_bench_rows

        print_document(llama_bench_rows(record))
    else:
        from lab.core.text import whole_texts
        from lab.store.liveness import as_it_stands
        from lab.views.console import for_stdout, stdout_width
        from lab.views.runs.raw_page import show_page

        with whole_texts() if raw else nullcontext():
            page = for_stdout(show_page(as_it_stands(record), stdout_width()))
        print_text(page)
