"""`lab run`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lab.cli.options import (
    dump_ir_option,
    engine_option,
    int_list,
    json_option,
    layers_option,
    model_option,
    target_option,
    weights_options,
)
from lab.cli.output import print_text, stderr
from lab.cli.problems import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from lab.core.run_record import RunRecord

F = TypeVar("F", bound=Callable[..., Any])


def _tokens(option: str, least: int, default: str, text: str) -> Callable[[F], F]:
    return click.option(option, metavar="N[,N...]", default=default, callback=int_list(least), help=text)


@click.command("run")
@target_option
@model_option
@_tokens("--prompt", 1, "512", "Tokens to prefill; default: 512.")
@_tokens("--generate", 2, "128", "Tokens to generate; default: 128.")
@_tokens("--depth", 0, "0", "Tokens in the cache before the prompt; default: 0.")
@click.option("--repeats", type=click.IntRange(1), metavar="N", help="Repetitions; default: the target's.")
@click.option("--threads", type=click.IntRange(1), metavar="N", help="Threads; default: the target's.")
@engine_option
@layers_option
@weights_options
@dump_ir_option
@json_option
def command(dump_ir: Path | None, as_json: bool, **options: Any) -> int:
    """Measure a model on a target; builds whatever is missing first.

    Timed are the prefill of the prompt up to the first token and each token after it, argmax included,
    tokenising not. The build is checked against reference logits before anything is timed. Every repetition is a
    fresh process, and is on record in profiles/ as soon as it is done: Ctrl-C keeps what was measured. Where
    several numbers are given, every combination is measured, in turns.

    With --engine, llama.cpp or MLC-LLM take their turns in the same session with the same weights, and ratios
    with their intervals end it. Each engine then gets the number of threads that it decodes fastest with, unless
    --threads or the target says how many. llama.cpp is run by its llama-bench (docs/peers.md).

    \b
    Example:
      lab run --target local --model phi3-mini-q4
      lab run --target local --model phi3-mini-q4 --engine tvm,llama.cpp
      lab run --target local --model phi3-mini-q4 --layers 2 --prompt 128,512 --depth 0,2048 --json
    """
    from lab.cli.measuring import Wanted, run_wanted
    from lab.cli.pipeline import Choice
    from lab.views.progress import progress_on

    measured = {field.name: options.pop(field.name) for field in fields(Wanted)}
    with progress_on(stderr()) as progress:
        records, kept = run_wanted(Choice(**options), Wanted(**measured), dump_ir, progress)
    _show(records, as_json)
    if kept:
        click.echo(f"interrupted: {kept}", err=True)
        return EXIT_INTERRUPTED
    sound = all(cell.status == "ok" for record in records for cell in record.cells)
    return 0 if sound and all(record.status == "ok" for record in records) else 1


def _show(records: Sequence[RunRecord], as_json: bool) -> None:
    if as_json:
        from lab.core.store import run_path

        texts = [run_path(record).read_text(encoding="utf-8").rstrip("\n") for record in records]
        print_text(texts[0] if len(texts) == 1 else "[\n" + ",\n".join(texts) + "\n]")
        return
    from lab.views.console import for_stdout, stdout_width

    if len(records) > 1:
        from lab.analysis.side_by_side import side_by_side
        from lab.views.engines_table import engines_table

        print_text(for_stdout(engines_table(side_by_side(records), stdout_width())))
        return
    from lab.views.run_table import run_table

    print_text(for_stdout(run_table(records[0], stdout_width())))
