"""`lab regressions`."""

from __future__ import annotations

import click

from lab.cli.options import json_option, markdown_option, one_form
from lab.cli.output import print_document, print_exactly, print_text, stderr


@click.command("regressions")
@click.option("--target", "-t", metavar="NAME", help="Device; see 'lab targets'.")
@click.option("--model", "-m", metavar="ID", help="Model; see 'lab models'.")
@click.option("--all", "everything", is_flag=True, help="Also show improvements, and regressions that are fixed since.")
@json_option
@markdown_option
def command(target: str | None, model: str | None, everything: bool, as_json: bool, as_markdown: bool) -> int:
    """Find change points in benchmark histories, and the commits behind them.

    Each series of 20 sessions or more is judged; for shorter ones use 'lab compare'. A regression stays open until it
    is fixed or accepted with 'lab ack'. The exit code is 3 while one is open.

    \b
    Example:
      lab regressions
      lab regressions --target local --all --json
      lab regressions --markdown
    """
    one_form(json=as_json, markdown=as_markdown)
    from lab.jobs.regressions import chosen, judged
    from lab.views.progress import progress_on

    with progress_on(stderr()) as progress:
        history = judged(progress, target, model)
    shown = chosen(history, target, model, everything)
    if as_json:
        from lab.jobs.regressions import history_document

        print_document(history_document(history, shown))
    elif as_markdown:
        from lab.views.tables.regressions import regressions_markdown

        print_exactly(regressions_markdown(history, shown))
    else:
        from lab.views.console import for_stdout, stdout_width
        from lab.views.tables.regressions import regressions_table

        print_text(for_stdout(regressions_table(history, shown, stdout_width())))
    return history.exit_code
