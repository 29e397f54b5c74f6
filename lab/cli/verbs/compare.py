"""`lab compare A B`."""

from __future__ import annotations

import click

from lab.cli.options import json_option
from lab.cli.output import print_document, print_text


@click.command("compare")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--emulated", is_flag=True, help="Compare runs of emulated devices too.")
@json_option
def command(a: str, b: str, emulated: bool, as_json: bool) -> int:
    """Compare two recorded runs: for each metric a ratio, its interval, and a word.

    Ratios are B / A; A and B are named as in 'lab show'. One run a side cannot prove a difference in speed or
    size, since sessions differ for reasons that neither run shows: such differences are marked 'unproven' and
    leave the exit code 0. It is 3 when a test that gave numbers in A gives none in B, and 5 when nothing can
    be compared.

    \b
    Example:
      lab compare latest~1 latest
      lab compare latest~1 latest --json
    """
    from lab.analysis.compare import compare
    from lab.core import store

    found = compare(store.load(store.find(a)), store.load(store.find(b)), emulated=emulated)
    if as_json:
        from lab.cli.documents import comparison_document

        print_document(comparison_document(found))
    else:
        from lab.views.compare_table import compare_table
        from lab.views.console import for_stdout, stdout_width

        print_text(for_stdout(compare_table(found, stdout_width())))
    return found.exit_code
