"""`lab verify`."""

from __future__ import annotations

from typing import Any

import click

from lab.cli.options import (
    Whole,
    json_option,
    layers_option,
    model_option,
    reach_options,
    target_option,
    weights_options,
)
from lab.cli.output import print_document, print_text, stderr


@click.command("verify")
@target_option
@model_option
@layers_option
@weights_options
@click.option("--prompt-tokens", type=Whole(1), default=64, metavar="N", help="Prompt; default: 64.")
@click.option("--steps", type=Whole(1), default=16, metavar="N", help="Tokens generated; default: 16.")
@reach_options
@json_option
def command(prompt_tokens: int, steps: int, accept_new: bool, as_json: bool, **choice: Any) -> int:
    """Check a build's logits against the reference implementation.

    The build runs a prompt and then decodes on the device itself; transformers' own network computes the
    same positions here in float32 from the same quantised weights, one layer in memory at a time. Of a model that
    judges texts, the scores of --steps texts are compared. The exit code is 1 when the relative error of any
    position is over the limit of the model's quantisation.

    Needs torch and transformers; in a checkout of lab: pip install -e '.[verify]'

    \b
    Example:
      lab verify --target local --model phi3-mini-q4 --layers 2
    """
    from lab.cli.access import access_of
    from lab.jobs.options import Choice
    from lab.jobs.verify import verify
    from lab.models.torch_reference import require_libraries
    from lab.views.progress import progress_on

    require_libraries()
    with progress_on(stderr()) as progress:
        found = verify(Choice(**choice), prompt_tokens, steps, progress, access_of(accept_new, progress))
    if as_json:
        print_document(found.document())
    else:
        from lab.views.console import for_stdout
        from lab.views.tables.verify import verify_table

        print_text(for_stdout(verify_table(f"{found.model} on {found.target}", found.agreement)))
    return 0 if found.agreement.passed else 1
