"""`lab run`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
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
    marks_options,
    reach_options,
    weights_options,
)
from lab.cli.output import print_document, print_json_text, print_text, stderr, tell
from lab.cli.problems import EXIT_INTERRUPTED
from lab.core.errors import DeviceUnreachableError, LabError
from lab.jobs.interrupt import keeping

if TYPE_CHECKING:
    from lab.formats.run.blocks import RevisionBlock
    from lab.formats.run_record import RunRecord
    from lab.jobs.build import Choice
    from lab.jobs.fleet.member import Member
    from lab.jobs.run import Wanted

TARGETS = "Device; see 'lab targets'. Several are measured side by side."
F = TypeVar("F", bound=Callable[..., Any])


def _tokens(option: str, least: int, text: str) -> Callable[[F], F]:
    return click.option(option, metavar="N[,N...]", callback=int_list(least), help=text)


@click.command("run")
@click.option("--target", "targets", metavar="NAME[,NAME...]", callback=existing_targets, help=TARGETS)
@click.option("--model", metavar="ID", callback=existing_model, help="Model; see 'lab models'.")
@_tokens("--prompt", 1, "Tokens to prefill; default: 512, fewer on a slow machine.")
@_tokens("--generate", 2, "Tokens to generate; default: 128, fewer on a slow machine.")
@_tokens("--depth", 0, "Tokens in the cache before the prompt; default: 0.")
@click.option("--repeats", type=Whole(1), metavar="N", help="Repetitions; default: the target's, or 3 to 10.")
@click.option("--threads", type=Whole(1), metavar="N", help="Threads; default: the target's.")
@click.option("--profile", is_flag=True, help="Time each kernel of an OpenCL device, in a process more a cell.")
@engine_option
@layers_option
@weights_options
@marks_options
@click.option("--resume", metavar="RUN", help="Measure what this run lacks; named as in 'lab show'.")
@reach_options
@dump_ir_option
@json_option
def command(targets: tuple[str, ...], resume: str | None, as_json: bool, **options: Any) -> int:
    """Measure a model on a target; builds whatever is missing first.

    Timed are the prefill of the prompt up to the first token and each token after it, argmax included,
    tokenising not. The build is checked against reference logits before anything is timed. Every repetition is a
    fresh process, and is on record in profiles/ as soon as it is done: Ctrl-C keeps what was measured. Where
    several numbers are given, every combination is measured, in turns.

    Where neither --repeats nor the target gives a number, there are 3 to 10 repetitions: as many as it takes to know
    each median to 5 %, in about two minutes. A machine on which 3 of them take longer gets shorter lengths, by a
    short trial, where --prompt and --generate do not name any. The table says what was chosen. A series that has to
    stay comparable, as in CI, is best measured with --prompt and --generate.

    Several targets are measured side by side, those that use this machine's own processor after the others, one
    at a time. A device that is lost, refuses or fills up ends as a record with its reason and exit code 4; the
    others go on. --resume measures the cells that a run lacks, as a run of its own, with the same settings.

    With --engine, llama.cpp, ik_llama.cpp or MLC-LLM take their turns in the same session with the same weights, and
    ratios with their intervals end it. Each engine then gets the number of threads that it decodes fastest with, unless
    --threads or the target says how many. The first two are run by their llama-bench (docs/peers.md).

    The record says which commit of the repository around the working folder was measured, and whether tracked files
    were changed; --revision names another one, --tag gives the run names of yours. 'lab gate' finds runs by both.

    \b
    Example:
      lab run --target local --model phi3-mini-q4
      lab run --target pixel8-cpu,rpi5,local --model phi3-mini-q4
      lab run --target rpi5 --at pi@192.168.1.20 --model phi3-mini-q4
      lab run --resume latest
      lab run --target local --model phi3-mini-q4 --tag v1.2 --tag nightly
      lab run --target local --model phi3-mini-q4 --engine tvm,llama.cpp
      lab run --target local --model phi3-mini-q4 --layers 2 --prompt 128,512 --depth 0,2048 --json
    """
    _check_given(targets, resume, options)
    options["revision"] = _revision(options["revision"])
    if resume is not None:
        return _resume(resume, options, as_json)
    if len(targets) > 1:
        return _several(targets, options, as_json)
    choice, wanted = _asked(targets[0], options)
    return _one(choice, wanted, options, as_json)


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


def _asked(target: str, options: dict[str, Any]) -> tuple[Choice, Wanted]:
    from lab.jobs.build import Choice
    from lab.jobs.run import Wanted

    names = [field.name for field in fields(Wanted) if field.name in options]
    chosen = [field.name for field in fields(Choice) if field.name in options]
    return Choice(target, **{name: options[name] for name in chosen}), Wanted(**{name: options[name] for name in names})


def _one(choice: Choice, wanted: Wanted, options: dict[str, Any], as_json: bool) -> int:
    from lab.cli.access import access_of
    from lab.jobs.run import run_wanted
    from lab.views.progress import progress_on

    try:
        with progress_on(stderr()) as progress:
            access = access_of(options["accept_new"], progress)
            records, kept = run_wanted(choice, wanted, options["dump_ir"], progress, access)
    except LabError as problem:
        if as_json:
            _print_files(problem.recorded)
        raise
    if kept:
        with keeping(kept):  # a second Ctrl-C may fall into the table
            _show(records, as_json)
        tell(f"interrupted: {kept}")
        return EXIT_INTERRUPTED
    _show(records, as_json)
    return _code(records)


def _code(records: Sequence[RunRecord]) -> int:
    """Return 4 where a device is to blame for what is missing, 1 where a program is, else 0."""
    rows = [row for record in records for cell in record.cells for row in cell.repetitions]
    if any(row.by_device for row in rows):
        return DeviceUnreachableError.exit_code
    sound = all(cell.status == "ok" for record in records for cell in record.cells)
    return 0 if sound and all(record.status == "ok" for record in records) else 1


def _resume(ref: str, options: dict[str, Any], as_json: bool) -> int:
    from lab.jobs.resume import hinting_at, rest_of, resumed

    record = resumed(ref)
    found = rest_of(record, _asked(record.target.name, options)[0])
    if found is None:
        tell(f"run {record.run_id} lacks nothing")
        _show([record], as_json)
        return 0
    choice, wanted = found
    marked = replace(wanted, tags=options["tags"] or wanted.tags, revision=options["revision"])
    with hinting_at(choice):
        return _one(choice, marked, options, as_json)


def _revision(asked: str | None) -> RevisionBlock | None:
    from lab.formats.revision import measured_revision

    return measured_revision(asked)


def _several(targets: Sequence[str], options: dict[str, Any], as_json: bool) -> int:
    members, stopped = _fleet([_asked(target, options)[0] for target in targets], options)
    documents = [document for member in members for document in member.documents]
    if as_json:
        print_document(documents)
    else:
        from lab.formats.run_record import from_json
        from lab.views.console import for_stdout
        from lab.views.runs.fleet_table import fleet_table

        print_text(for_stdout(fleet_table([(one, [from_json(each) for each in one.documents]) for one in members])))
    if stopped:
        tell("interrupted: what was measured by then is on record")
    from lab.jobs.fleet.run import exit_code

    return EXIT_INTERRUPTED if stopped else exit_code(members)


def _fleet(choices: Sequence[Choice], options: dict[str, Any]) -> tuple[list[Member], bool]:
    """Build for every target, then measure on all; return the members, and whether Ctrl-C ended it."""
    from lab.jobs.fleet.argv import words_of
    from lab.jobs.fleet.build import built
    from lab.jobs.fleet.member import Member
    from lab.jobs.fleet.run import run_fleet
    from lab.views.progress import progress_on
    from lab.views.progress.fleet import fleet_progress

    words, members = words_of(options), [Member(choice.target) for choice in choices]
    with progress_on(stderr()) as progress:
        targets = built(members, choices, progress)
    with fleet_progress(stderr(), members) as show:
        stopped = run_fleet(members, targets, lambda name: ["run", "--target", name, *words, "--json"], show)
    return members, stopped


def _show(records: Sequence[RunRecord], as_json: bool) -> None:
    if as_json:
        from lab.store import run_path

        _print_files([str(run_path(record)) for record in records])
        return
    from lab.views.console import for_stdout, stdout_width

    if len(records) > 1:
        from lab.analysis.compare.side_by_side import side_by_side
        from lab.views.runs.engines_table import engines_table

        print_text(for_stdout(engines_table(side_by_side(records), stdout_width())))
        return
    from lab.views.runs.run_table import run_table

    print_text(for_stdout(run_table(records[0], stdout_width())))


def _print_files(paths: Sequence[str]) -> None:
    """Print the records exactly as they are stored; several as one list."""
    from lab import store

    texts = [store.content(store.place(path)).decode("utf-8").rstrip("\n") for path in paths]
    if texts:
        print_json_text(texts[0] if len(texts) == 1 else "[\n" + ",\n".join(texts) + "\n]")
