"""`lab ack`."""

from __future__ import annotations

import click

from lab.cli.options import Whole, json_option
from lab.cli.output import print_document, print_text, stderr
from lab.core.errors import UsageError


@click.command("ack")
@click.argument("number", type=Whole(1), required=False)
@click.argument("run", metavar="[RUN]", required=False)
@click.option("--reason", metavar="TEXT", help="Why the new level is right; a reviewer reads it.")
@click.option("--target", "-t", metavar="NAME", help="Device; see 'lab targets'.")
@click.option("--model", "-m", metavar="ID", help="Model; see 'lab models'.")
@click.option("--test", metavar="LABEL", help="Test, such as pp512+tg128.")
@click.option("--metric", metavar="NAME", help="Metric, such as decode_tok_per_s.")
@click.option("--run", "run_option", metavar="RUN", help="First run at the new level, or the beginning of its id.")
@click.option("--each", is_flag=True, help="Accept all changes that fit, where several do.")
@click.option("--list", "listing", is_flag=True, help="List what is accepted, numbered.")
@click.option("--remove", type=Whole(1), metavar="N", help="Take entry N of --list back.")
@json_option
def command(
    number: int | None,
    run: str | None,
    reason: str | None,
    target: str | None,
    model: str | None,
    test: str | None,
    metric: str | None,
    run_option: str | None,
    each: bool,
    listing: bool,
    remove: int | None,
    as_json: bool,
) -> None:
    """Accept a level that 'lab regressions' found, with a reason.

    NUMBER is the change's number there; RUN, the beginning of the run's id, guards against a list that has changed
    since. Or name it by --target, --model, --test, --metric and --run, as many of them as it takes. What is accepted
    is written to accepted.toml, which belongs under version control: it is a decision that others review.

    \b
    Example:
      lab ack 1 --reason "checks each token now, costs 8 %"
      lab ack --target local --metric decode_tok_per_s --run 20261123 --reason "kernel that is right"
      lab ack --list
      lab ack --remove 2
    """
    from lab.jobs import ack
    from lab.views.progress import progress_on

    if listing or remove is not None:
        document, text = ack.listed() if remove is None else ack.removed(remove)
    elif not (reason or "").strip():
        raise UsageError("--reason is required", hint='add --reason "why it is right"')
    else:
        wanted = ack.Wanted(number, run_option or run, target, model, test, metric)
        with progress_on(stderr()) as progress:
            document, text = ack.accepted(wanted, str(reason), each, progress)
    if as_json:
        print_document(document)
    else:
        print_text(text)
