"""`lab run`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lab.cli.options import (
    Whole,
    dump_ir_option,
    engine_option,
    existing_model,
    existing_targets,
    int_list,
    json_option,
    layers_option,
    markdown_option,
    marks_options,
    one_form,
    reach_options,
    weights_options,
)
from lab.cli.output import stderr, tell
from lab.cli.problems import EXIT_INTERRUPTED
from lab.core.errors import LabError
from lab.jobs.options import RunOptions

if TYPE_CHECKING:
    from lab.cli.verbs.run.show import Form
    from lab.jobs.resume import Rest
    from lab.jobs.run import Ran

QUICK: dict[str, Any] = {"layers": 2, "prompt": (16,), "generate": (8,), "repeats": 3}
TARGETS = "Device; see 'lab targets'. Several are measured side by side."
IMAGE = "Image before the prompt, PNG or JPEG, of a model that reads one; default: a made-up one."
F = TypeVar("F", bound=Callable[..., Any])


def _tokens(option: str, least: int, text: str) -> Callable[[F], F]:
    return click.option(option, metavar="N[,N...]", callback=int_list(least), help=text)


@click.command("run")
@click.option("--target", "-t", "targets", metavar="NAME[,NAME...]", callback=existing_targets, help=TARGETS)
@click.option("--model", "-m", metavar="ID", callback=existing_model, help="Model; see 'lab models'.")
@_tokens("--prompt", 1, "Tokens to prefill; default: 512, fewer on a slow machine.")
@_tokens("--generate", 2, "Tokens to generate; default: 128, fewer on a slow machine.")
@_tokens("--depth", 0, "Tokens in the cache before the prompt; default: 0.")
@click.option("--repeats", type=Whole(1), metavar="N", help="Repetitions; default: the target's, or 3 to 10.")
@click.option("--threads", type=Whole(1), metavar="N", help="Threads; default: the target's.")
@click.option("--image", type=click.Path(path_type=Path), metavar="FILE", help=IMAGE)
@click.option("--profile", is_flag=True, help="Time each kernel of an OpenCL device, in a process more a cell.")
@engine_option
@click.option("--quick", is_flag=True, help="2 layers, 16 tokens in, 8 out, 3 repetitions: a part, labelled as one.")
@layers_option
@weights_options
@marks_options
@click.option("--resume", metavar="RUN", help="Measure what this run lacks; named as in 'lab show'.")
@reach_options
@dump_ir_option
@markdown_option
@json_option
def command(
    targets: tuple[str, ...], resume: str | None, as_json: bool, as_markdown: bool, quick: bool, **options: Any
) -> int:
    """Measure a model on a target; builds whatever is missing first.

    Timed are the prefill of the prompt up to the first token and each token after it, argmax included,
    tokenising not. The build is checked against reference logits before anything is timed. Every repetition is a
    fresh process, and is on record in profiles/ as soon as it is done: Ctrl-C keeps what was measured. Where
    several numbers are given, every combination is measured, in turns.

    A model that judges texts, such as phudge-regression, generates nothing: timed is the prompt up to the scores, as
    judgements per second. --lora measures a model with an adapter merged into its weights.

    Where neither --repeats nor the target gives a number, there are 3 to 10 repetitions: as many as it takes to know
    each median to 5 %, in about two minutes. A machine on which 3 of them take longer gets shorter lengths, by a
    short trial, where --prompt and --generate do not name any. The table says what was chosen. A series that has to
    stay comparable, as in CI, is best measured with --prompt and --generate.

    --quick is for a first look, in under a minute where the runner is built: --layers, --prompt, --generate and
    --repeats that are given count instead. Its runs are labelled as a part (phi3-mini-q4@2l) wherever they are shown,
    and never compared with whole models.

    Several targets are measured side by side, those that use this machine's own processor after the others, one
    at a time. A device that is lost, refuses or fills up ends as a record with its reason and exit code 4; the
    others go on. --resume measures the cells that a run lacks, as a run of its own, with the same settings.

    With --engine, llama.cpp, ik_llama.cpp or MLC-LLM take their turns in the same session with the same weights, and
    ratios with their intervals end it. Each engine then gets the number of threads that it decodes fastest with, unless
    --threads or the target says how many. The first two are run by their llama-bench (docs/peers.md).

    With --weights, --model may be any name with a quantisation: the folder's config.json says what network it is, of
    any size that a known family has (docs/adding-a-family.md).

    The record says which commit of the repository around the working folder was measured, and whether tracked files
    were changed; --revision names another one, --tag gives the run names of yours. 'lab gate' finds runs by both.

    \b
    Example:
      lab run --target local --model phi3-mini-q4
      lab run --target local --model phi3-mini-q4 --quick
      lab run --target local --model my-llama-q4 --weights ~/my-llama
      lab run --target pixel8-cpu,rpi5,local --model phi3-mini-q4
      lab run --target rpi5 --at pi@192.168.1.20 --model phi3-mini-q4
      lab run --resume latest
      lab run --target local --model phi3-mini-q4 --tag v1.2 --tag nightly
      lab run --target local --model phi3-mini-q4 --engine tvm,llama.cpp
      lab run --target local --model phi3-mini-q4 --layers 2 --prompt 128,512 --depth 0,2048 --json
    """
    from lab.formats.revision import measured_revision

    one_form(json=as_json, markdown=as_markdown)
    _check_given(targets, resume, options)
    form: Form = "json" if as_json else "markdown" if as_markdown else "table"
    if quick and resume is not None:
        raise click.UsageError("--resume takes what --quick chooses from the run.", click.get_current_context())
    if quick:
        options |= {name: value for name, value in QUICK.items() if options[name] is None}
    given = {**options, "revision": measured_revision(options["revision"])}
    if resume is not None:
        return _resume(resume, given, form)
    if len(targets) > 1:
        from lab.cli.verbs.run.several import run_several

        return run_several([RunOptions(target=target, **given) for target in targets], form)
    return _one(RunOptions(target=targets[0], **given), None, form)


def _check_given(targets: tuple[str, ...], resume: str | None, options: dict[str, Any]) -> None:
    ctx = click.get_current_context()
    given = {"--target": bool(targets), "--model": options["model"] is not None}
    for name, is_there in given.items():
        if resume is None and not is_there:
            raise click.UsageError(f"Missing option '{name}'.", ctx)
        if resume is not None and is_there:
            raise click.UsageError(f"--resume takes {name} from the run.", ctx)
    if len(targets) > 1 and (options["address"] or options["dump_ir"]):
        raise click.UsageError("--at and --dump-ir are for one target.", ctx)


def _resume(ref: str, given: dict[str, Any], form: Form) -> int:
    from lab.cli.verbs.run.show import show
    from lab.jobs.resume import hinting_at, rest_of, resumed

    record = resumed(ref)
    found = rest_of(record, RunOptions(**{**given, "target": record.target.name, "model": record.model.id}))
    if found is None:
        tell(f"run {record.run_id} lacks nothing")
        show([record], form)
        return 0
    options, rest = found
    with hinting_at(options):
        return _one(options, rest, form)


def _one(options: RunOptions, rest: Rest | None, form: Form) -> int:
    from lab.cli.verbs.run.show import print_files, show
    from lab.jobs.interrupt import keeping

    try:
        ran = _ran(options, rest)
    except LabError as problem:
        if form == "json":
            print_files(problem.recorded)
        raise
    if ran.kept is None:
        show(ran.records, form)
        return ran.exit_code
    with keeping(ran.kept):  # a second Ctrl-C may fall into the table
        show(ran.records, form)
    tell(f"interrupted: {ran.kept}")
    return EXIT_INTERRUPTED


def _ran(options: RunOptions, rest: Rest | None) -> Ran:
    from lab.cli.access import access_of
    from lab.jobs.run import run
    from lab.views.progress import progress_on

    with progress_on(stderr()) as progress:
        return run(options, progress, access_of(options.accept_new, progress), rest)
