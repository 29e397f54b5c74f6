"""`lab compile`."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.options import dump_ir_option, json_option, layers_option, model_option, target_option
from lab.cli.output import print_document, print_text, stderr, tell


@click.command("compile")
@target_option
@model_option
@layers_option
@dump_ir_option
@json_option
def command(target: str, model: str, layers: int | None, dump_ir: Path | None, as_json: bool) -> None:
    """Compile a model's library for a target.

    The path of the folder in compiled/lib/ is printed. A library that was compiled before from the same
    model, target, compiler and kernels is not compiled again, unless --dump-ir wants to see how.

    \b
    Example:
      lab compile --target local --model phi3-mini-q4 --layers 2
      lab compile --target local --model phi3-mini-q4 --dump-ir phases
    """
    from lab.cli.documents import folder_document
    from lab.formats.bundle import load_manifest
    from lab.formats.target import load_target
    from lab.jobs.build import Pipeline
    from lab.models.catalog import resolve
    from lab.views.progress import progress_on

    spec, wanted = resolve(model, layers), load_target(target)
    with progress_on(stderr()) as progress:
        folder = Pipeline(progress).library(spec, wanted, dump_ir)
    for unseen in load_manifest(folder, "library").options.get("unverified_on_device", ()):
        tell(f"not verified on the device: {unseen}")
    if as_json:
        print_document(folder_document(folder))
    else:
        print_text(str(folder))
