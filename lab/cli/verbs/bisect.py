"""`lab bisect`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from lab.cli.gate_options import floor_option, metric_option
from lab.cli.options import (
    Whole,
    int_list,
    json_option,
    layers_option,
    model_option,
    reach_options,
    target_option,
    weights_options,
)
from lab.cli.output import print_document, print_text
from lab.jobs.interrupt import keeping
from lab.jobs.options import RunOptions

if TYPE_CHECKING:
    from lab.jobs.bisect.drive import Found
    from lab.jobs.bisect.state import Hunt

OF_BISECT = ("metrics", "floor", "sessions", "build", "measure", "emulated")  # the others are those of lab run
KEPT = "the repository is as it was, and the sessions that were measured are on record"


@click.command("bisect")
@click.option("--good", metavar="REV", required=True, help="Revision before it got worse.")
@click.option("--bad", metavar="REV", default="HEAD", help="Revision after it got worse; default: HEAD.")
@target_option
@model_option
@metric_option
@floor_option
@click.option("--sessions", type=click.IntRange(1, 100), default=3, metavar="N", help="Sessions of each; default: 3.")
@click.option("--build", metavar="CMD", help="Shell command that builds the checked-out revision.")
@click.option("--measure", metavar="CMD", help="Command that records one session instead of 'lab run'.")
# Named here, because a revision that is slower must not get other lengths.
@click.option("--prompt", metavar="N[,N...]", default="512", callback=int_list(1), help="Tokens to prefill.")
@click.option("--generate", metavar="N[,N...]", default="128", callback=int_list(2), help="Tokens to generate.")
@click.option("--depth", metavar="N[,N...]", callback=int_list(0), help="Tokens in the cache; default: 0.")
@click.option("--repeats", type=Whole(1), metavar="N", help="Repetitions; default: the target's.")
@click.option("--threads", type=Whole(1), metavar="N", help="Threads; default: the target's.")
@layers_option
@weights_options
@reach_options
@click.option("--emulated", is_flag=True, help="Judge runs of emulated devices too.")
@json_option
def command(good: str, bad: str, as_json: bool, **options: Any) -> int:
    """Find the commit that made a model slower, bigger or broken on a target.

    Works in the git repository around the working folder and drives 'git bisect run'. Both ends are measured first;
    what got worse between them is what is looked for. Then each revision is built (--build), measured in
    --sessions sessions (twice as many where they do not tell) and judged against the good end. What does not build
    or gives no numbers is skipped; a device that does not answer ends it with 4. Every session stays on record.

    The working tree must be clean (tracked files), and is restored however it ends, Ctrl-C included. lab may be
    the repository itself. --measure names a command that records a session and prints its record as JSON, as
    'lab run --json' does.

    \b
    Example:
      lab bisect --good v1.2 --bad main --target local --model phi3-mini-q4
      lab bisect --good v1.2 --target pixel8-cpu --model phi3-mini-q4 --metric decode_tok_per_s --build 'make -j4'
    """
    from lab.core.errors import UsageError
    from lab.formats.revision import repository
    from lab.jobs.bisect.drive import bisect
    from lab.jobs.bisect.git import bisection
    from lab.jobs.fleet.argv import argv_of

    found = repository()
    if found is None:
        raise UsageError("the working folder is in no git repository", hint="run it in the one to bisect")
    of = bisection(found, good, bad)
    own = {name: options.pop(name) for name in OF_BISECT}
    asked = RunOptions(**options)
    with keeping(KEPT):
        done = bisect(of, _hunt(str(found.top), asked, own), argv_of(asked))
    _show(done, as_json)
    return 0 if done.first_bad is not None else 1


def _hunt(top: str, asked: RunOptions, own: dict[str, Any]) -> Hunt:
    from lab.jobs.bisect.state import Hunt

    measure = tuple(shlex.split(own["measure"] or ""))
    return Hunt(top=top, target=asked.target, model=asked.model, pythonpath=None, **{**own, "measure": measure})


def _show(done: Found, as_json: bool) -> None:
    if as_json:
        from dataclasses import asdict

        print_document(asdict(done))
        return
    from lab.views.console import for_stdout
    from lab.views.tables.bisect import bisect_table

    possible = [(one.commit, one.subject) for one in done.possible]
    print_text(for_stdout(bisect_table(possible, done.steps, done.log)))
