"""`lab convert`."""

from __future__ import annotations

from pathlib import Path

import click

from lab.cli.options import json_option, layers_option, model_option, weights_options
from lab.cli.output import print_document, print_text, stderr


@click.command("convert")
@model_option
@weights_options
@layers_option
@json_option
def command(
    model: str, weights: Path | None, lora: Path | None, seed: int | None, layers: int | None, as_json: bool
) -> None:
    """Make the weights file of a model.

    From a folder with --weights, else synthetic: seeded values of the real shapes, with which speed and memory
    are measured as with the real ones. The path of the folder in compiled/weights/ is printed; what is there
    already is not made again. A LoRA adapter that --lora names is merged in float32 before weights are quantised.

    \b
    Example:
      lab convert --model phi3-mini-q4 --layers 2
      lab convert --model phi3-mini-q4 --weights ~/Phi-3-mini-4k-instruct
      lab convert --model phi3-mini-q4 --weights ~/Phi-3-mini-4k-instruct --lora ~/my-adapter
      lab convert --model my-llama-q4 --weights ~/my-llama
    """
    from lab.cli.documents import folder_document
    from lab.jobs.build import Pipeline
    from lab.jobs.options import open_source
    from lab.models.folder_model import resolve_with
    from lab.views.progress import progress_on

    spec = resolve_with(model, layers, weights)
    with progress_on(stderr()) as progress:
        source = open_source(spec, weights, seed, lora, progress)
        folder = Pipeline(progress).weights(spec, source)
    if as_json:
        print_document(folder_document(folder))
    else:
        print_text(str(folder))
