"""`lab compare A B` and `lab compare --axis AXIS`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli.options import Whole, json_option, markdown_option, one_form
from lab.cli.output import print_document, print_exactly, print_text, stderr
from lab.core.text import printable

if TYPE_CHECKING:
    from lab.analysis.compare.axis import Table
    from lab.analysis.judging.sides import Side
    from lab.core.errors import NotComparableError
    from lab.store.location import Place

AXES = ("engine", "target", "quant", "model", "depth", "revision", "tag", "run")


@click.command("compare")
@click.argument("a", metavar="[A", required=False)
@click.argument("b", metavar="B]", required=False)
@click.option("--axis", type=click.Choice(AXES), help="Compare across this dimension, one column each.")
@click.option("--target", "-t", metavar="NAME", help="Device; see 'lab targets'. With --axis: its runs alone.")
@click.option("--model", "-m", metavar="ID", help="Model; see 'lab models'.")
@click.option("--engine", metavar="NAME", help="With --axis: only what this engine measured.")
@click.option("--test", metavar="LABEL", help="With --axis: only this test, such as pp512+tg128, or a pattern.")
@click.option(
    "--reference",
    "--baseline",
    "reference",
    metavar="VALUE",
    help="With --axis: what the others are compared with; default: tvm, local, else the first.",
)
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Show this metric alone; may be repeated.")
@click.option("--last", type=Whole(1), metavar="N", help="With --axis: newest N runs of each; default: 5.")
@click.option("--plot", is_flag=True, help="Draw sorted bars with intervals instead of a table.")
@click.option("--emulated", is_flag=True, help="Compare runs of emulated devices too.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write a page.")
@json_option
@markdown_option
def command(
    a: str | None,
    b: str | None,
    axis: str | None,
    target: str | None,
    model: str | None,
    engine: str | None,
    test: str | None,
    reference: str | None,
    metrics: tuple[str, ...],
    last: int | None,
    plot: bool,
    emulated: bool,
    page: Path | None,
    as_json: bool,
    as_markdown: bool,
) -> int:
    """Compare recorded runs: a ratio and a verdict for each metric.

    A and B are runs as in 'lab show', or tags, git revisions and 'last:N', which can be several runs each. Each run is
    one session, and with one session per side a difference in speed or size is inconclusive: the exit code stays 0,
    and the confidence interval within the session is shown. The exit code is 3 when something got worse for sure,
    broke, fell back or is missing, and 5 when nothing can be compared. Runs that both sides name count for B alone.

    With --axis every value is a column with its ratio to the reference (default: lab's own engine, this machine, else
    the first value), the best one marked; where the columns do not fit, each value is a line. --target and --model
    narrow it, and a model may lack its quantisation. --axis depth shows how speed changes with the tokens in the cache.
    The exit code is 0, or 5 when nothing can be compared.

    \b
    Example:
      lab compare latest~1 latest
      lab compare --axis engine --model phi3-mini-q4
      lab compare --axis quant --model phi3-mini --metric decode_tok_per_s --plot
      lab compare --axis target --model phi3-mini-q4 --reference pixel8 --markdown
      lab compare --axis target --html devices.html
    """
    one_form(json=as_json, markdown=as_markdown)
    if page is not None and (as_json or as_markdown or plot):
        raise click.UsageError("--html writes a page, bars and all: leave --json, --markdown and --plot out")
    only = {"target": target, "model": model, "engine": engine, "test": test}
    _check(a, b, axis, [*only.values(), reference, last], metrics)
    if axis is None:
        paths = _single(str(a), str(b))
        found = _two_runs(*paths, metrics, emulated) if paths else _sides(str(a), str(b), metrics, emulated)
    else:
        found = _along(axis, **only, reference=reference, last=last, metrics=metrics, emulated=emulated)
    _write(found, page) if page is not None else _show(found, plot, as_json, as_markdown)
    return found.exit_code


def _check(a: str | None, b: str | None, axis: str | None, only: list[object], metrics: tuple[str, ...]) -> None:
    from lab.formats.metrics import metric

    if axis is None and b is None:
        raise click.UsageError("name two sides, or an axis with --axis")
    if axis is not None and a is not None:
        raise click.UsageError(f"--axis {axis} compares all its values: leave {a!r} out, or --axis")
    if axis is None and any(one is not None for one in only):
        raise click.UsageError("--target, --model, --engine, --test, --reference and --last need --axis")
    for name in metrics:
        metric(name)


def _single(a: str, b: str) -> tuple[Place, Place] | None:
    """The files of two single runs; None where a side is something else, or no run at all."""
    from lab import store
    from lab.core.errors import StoreError
    from lab.store.find import SeveralRunsError

    try:
        return store.find(a), store.find(b)
    except SeveralRunsError:
        if not any(re.fullmatch("[0-9]{8}", text) for text in (a, b)):  # a day is all of its runs
            raise
        return None
    except StoreError:
        if ".json" in f"{a} {b}":
            raise
        return None


def _two_runs(a: Place, b: Place, metrics: tuple[str, ...], emulated: bool) -> Table:
    from lab import store
    from lab.analysis.compare.runs import compare_runs
    from lab.analysis.judging.judge import Policy
    from lab.formats.calibration import load_floors

    return compare_runs(store.load(a), store.load(b), Policy(floors=load_floors(), emulated=emulated), metrics)


def _sides(a: str, b: str, metrics: tuple[str, ...], emulated: bool) -> Table:
    from lab.analysis.compare.axis import SIDES, arrange
    from lab.analysis.compare.select import Among, select
    from lab.analysis.judging.judge import Policy
    from lab.analysis.points.load import readable_points
    from lab.formats.calibration import load_floors
    from lab.formats.revision import repository
    from lab.views.progress import progress_on

    with progress_on(stderr()) as progress:
        points = readable_points(progress)
    among = Among(repository=repository())
    before, after = (select(points, text, among) for text in (a, b))
    if set(before.runs.tolist()) <= set(after.runs.tolist()):
        raise _same_runs(a, b, before, after)
    policy = Policy(floors=load_floors(), emulated=emulated)
    names = (before.label, after.label if after.label != before.label else f"{after.label} (B)")
    return arrange(points, SIDES, dict(zip(names, (before, after), strict=True)), names[0], policy, metrics)


def _same_runs(a: str, b: str, before: Side, after: Side) -> NotComparableError:
    from lab.analysis.commits import is_hex
    from lab.core.errors import NotComparableError
    from lab.core.units import counted

    runs = counted(len(before.runs), "run")
    what = f"{printable(a)} and {printable(b)} name the same runs: {runs}"
    if is_hex(before.label.rpartition("(")[2].rstrip(")")):
        what = f"{printable(a)} and {printable(b)} are one revision, {before.label}: {runs}"
    if len(after.runs) > len(before.runs):
        what = f"all of {printable(a)} ({runs}) are in {printable(b)} too, so nothing is left to compare them with"
    return NotComparableError(what, hint="`lab runs` lists what is stored, and of which revision")


def _along(axis: str, **options: Any) -> Table:
    from lab.analysis.compare.stored import compare_along
    from lab.analysis.points.load import readable_points
    from lab.views.progress import progress_on

    with progress_on(stderr()) as progress:
        points = readable_points(progress)
    return compare_along(points, axis, **options)


def _write(found: Table, page: Path) -> None:
    from lab.core.atomic import write_text
    from lab.views.html.compare_page import compare_html

    write_text(page, compare_html(found))


def _show(found: Table, plot: bool, as_json: bool, as_markdown: bool) -> None:
    if as_json:
        from lab.cli.documents import axis_document

        print_document(axis_document(found))
        return
    from lab.views.compare.page import axis_markdown, axis_table
    from lab.views.console import for_stdout, stdout_width

    if as_markdown:
        print_exactly(axis_markdown(found, plot=plot))
    else:
        print_text(for_stdout(axis_table(found, stdout_width(), plot=plot)))
