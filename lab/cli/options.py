"""Options that mean the same in every verb that has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from lab.core.errors import LabError, UsageError
from lab.formats.kinds import MOST
from lab.jobs.options import ENGINES, check_engines

F = TypeVar("F", bound=Callable[..., Any])
MOST_TOKENS = 1_000_000_000
Callback = Callable[[click.Context, click.Parameter, Any], Any]


class Whole(click.IntRange):
    """A whole number of at least so much, which a record can hold: it is looked at before it is parsed."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; a usage error for one that nothing can be counted with."""
        if isinstance(value, str) and len(value) > len(str(MOST)):
            self.fail(f"{value[:60]!r} is too large a number", param, ctx)
        number = super().convert(value, param, ctx)
        if number > MOST:
            self.fail(f"{number} is too large a number", param, ctx)
        return number


def json_option(verb: F) -> F:
    """`--json`: one document on stdout."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")(verb)


def markdown_option(verb: F) -> F:
    """`--markdown`: the same as Markdown on stdout."""
    text = "Print Markdown on stdout, to paste into an issue."
    return click.option("--markdown", "as_markdown", is_flag=True, help=text)(verb)


def one_form(**chosen: bool) -> None:
    """Refuse two forms of one answer on one stdout: `one_form(json=as_json, markdown=as_markdown)`."""
    names = [f"--{name}" for name, wanted in chosen.items() if wanted]
    if len(names) > 1:
        raise UsageError(f"{' and '.join(names)} are two forms of one answer", hint="choose one of them")


def target_option(verb: F) -> F:
    """`--target NAME`, required: the device."""
    text = "Device; see 'lab targets'."
    return click.option("--target", "-t", metavar="NAME", required=True, callback=existing_target, help=text)(verb)


def reach_options(verb: F) -> F:
    """`--at ADDRESS` and `--accept-new`: how to reach the device."""
    new = "Trust the host key of a first contact over ssh instead of asking."
    verb = click.option("--accept-new", is_flag=True, help=new)(verb)
    text = "Where the device is: an adb serial or host:port, or [user@]host[:port]; default: the target's."
    return click.option("--at", "address", metavar="ADDRESS", help=text)(verb)


def model_option(verb: F) -> F:
    """`--model ID`, required: what is measured."""
    text = "Model; see 'lab models'."
    return click.option("--model", "-m", metavar="ID", required=True, callback=existing_model, help=text)(verb)


def layers_option(verb: F) -> F:
    """`--layers N`: a quick, labelled part of the model."""
    text = "Keep only the first N layers: quick, labelled, never compared with whole models."
    return click.option("--layers", type=Whole(1), metavar="N", help=text)(verb)


def weights_option(verb: F) -> F:
    """`--weights DIR`: a folder of weights, which also says what network a model without a preset is."""
    folder = click.Path(exists=True, path_type=Path)
    text = (
        "Hugging Face or MLC weights folder, with which --model may be a name of your own; default: synthetic weights."
    )
    # Eager: whether a name stands for a model depends on it.
    return click.option("--weights", type=folder, metavar="DIR", is_eager=True, help=text)(verb)


def weights_options(verb: F) -> F:
    """`--weights DIR` or `--seed N`, and `--lora DIR`: where the numbers come from."""
    folder = click.Path(exists=True, path_type=Path)
    seed = "Seed of the synthetic weights, used when there is no --weights; default: 0."
    verb = click.option("--seed", type=Whole(0), metavar="N", help=seed)(verb)
    lora = "PEFT folder of a LoRA adapter, merged into the weights before they are quantised."
    return weights_option(click.option("--lora", type=folder, metavar="DIR", help=lora)(verb))


def marks_options(verb: F) -> F:
    """`--tag NAME` and `--revision REV`: what the run is found by later."""
    text = "Revision of your own work that is measured; default: the commit of the repository you are in."
    verb = click.option("--revision", metavar="REV", help=text)(verb)
    text = "Name to find the run by later; may be given several times."
    return click.option("--tag", "tags", metavar="NAME", multiple=True, callback=_tags, help=text)(verb)


def dump_ir_option(verb: F) -> F:
    """`--dump-ir DIR`: the compiler's phases as text."""
    text = "Write the program after each numbered compile phase into DIR."
    folder = click.Path(file_okay=False, path_type=Path)
    return click.option("--dump-ir", type=folder, metavar="DIR", help=text)(verb)


def engine_option(verb: F) -> F:
    """`--engine NAME[,NAME...]`: what runs the model."""
    text = f"Engines, of {', '.join(ENGINES)}, in turns; default: the target's alone."
    return click.option("--engine", "engines", metavar="NAME[,NAME...]", callback=_engines, help=text)(verb)


def _engines(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in value.split(","))) if value is not None else ()
    check_engines(names)
    return names


def _tags(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    from lab.formats.tags import check_tag

    for name in value:
        check_tag(name)
    return tuple(dict.fromkeys(value))


def int_list(least: int) -> Callback:
    """A callback that turns `128,512` into (128, 512); each number once, `least` or more."""

    def parse(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
        if value is None:
            return None
        try:
            numbers = tuple(dict.fromkeys(int(part) for part in value.split(",")))
        except ValueError:
            text = f"'{value}' is not a list of whole numbers such as 128,512"
            raise click.BadParameter(text, ctx, param) from None
        if min(numbers) < least:
            raise click.BadParameter(f"'{value}': each number has to be {least} or more", ctx, param)
        if max(numbers) > MOST_TOKENS:
            raise click.BadParameter(f"'{value[:60]}': each number has to be at most {MOST_TOKENS}", ctx, param)
        return numbers

    return parse


def _existing(find: Callable[[str], object]) -> Callback:
    """A callback for the name of something that has to exist; else exit code 2 and what `find` says."""

    def check(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is not None:
            _found(find, value)
        return value

    return check


def _found(find: Callable[[str], object], value: str) -> None:
    try:
        find(value)
    except LabError as problem:
        raise UsageError(problem.what, hint=problem.hint) from problem


def _find_target(name: str) -> object:
    from lab.core.home import find_definition

    return find_definition("targets", name)


def existing_model(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A callback for the id of a model: that of a preset, or with --weights any name."""
    if value is not None:
        _found(lambda model_id: _find_model(model_id, ctx.params.get("weights")), value)
    return value


def _find_model(model_id: str, weights: Path | None) -> object:
    from lab.models.catalog import resolve
    from lab.models.folder_model import own_name

    return own_name(model_id, weights) or resolve(model_id)


def _find_dashboard(name: str) -> object:
    from lab.core.home import find_definition

    return find_definition("dashboards", name)


existing_target = _existing(_find_target)
existing_dashboard = _existing(_find_dashboard)


def existing_targets(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    """A callback that turns `a,b` into (a, b): each name once, and each that of a target."""
    names = [part.strip() for part in (value or "").split(",") if part.strip()]
    return tuple(str(existing_target(ctx, param, name)) for name in dict.fromkeys(names))
