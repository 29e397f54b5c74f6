"""`lab compile`."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.options import (
    dump_ir_option,
    json_option,
    layers_option,
    model_option,
    target_option,
    weights_option,
)
from lab.cli.output import print_document, print_text, stderr, tell


@click.command("compile")
@target_option
@model_option
@layers_option
@weights_option
@dump_ir_option
@json_option
def command(
    target: str, model: str, layers: int | None, weights: Path | None, dump_ir: Path | None, as_json: bool
) -> None:
    """Compile a model's library for a target.

    The path of the folder in compiled/lib/ is printed. A library that was compiled before from the same
    model, target, compiler and kernels is not compiled again, unless --dump-ir wants to see how. Of --weights only
    config.json counts here: it says what network a model is that has no preset.

    \b
    Example:
      lab compile --target local --model phi3-mini-q4 --layers 2
      lab compile --target local --model phi3-mini-q4 --dump-ir phases
      lab compile --target local --model my-llama-q4 --weights ~/my-llama
    """
    from lab.cli.documents import folder_document
    from lab.formats.bundle import load_manifest
    from lab.formats.target import load_target
    from lab.jobs.build import Pipeline
    from lab.models.folder_model import resolve_with
    from lab.views.progress import progress_on

    spec, wanted = resolve_with(model, layers, weights), load_target(target)
    with progress_on(stderr()) as progress:
        folder = Pipeline(progress).library(spec, wanted, dump_ir)
    for unseen in load_manifest(folder, "library").options.get("unverified_on_device", ()):
        tell(f"not verified on the device: {unseen}")
    if as_json:
        print_document(folder_document(folder))
    else:
        print_text(str(folder))
