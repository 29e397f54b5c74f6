"""`lab clean`."""

from __future__ import annotations

from dataclasses import asdict

import click

from lab.cli.options import json_option
from lab.cli.output import print_document, print_text


@click.command("clean")
@click.option("--weights", is_flag=True, help="Converted weights, GGUF files among them.")
@click.option("--bundles", is_flag=True, help="Bundles, compiled libraries, runners and what was fetched for them.")
@click.option("--images", is_flag=True, help="Emulated devices.")
@click.option("--stale", is_flag=True, help="Leftovers of commands that were killed.")
@click.option("--yes", is_flag=True, help="Remove what is listed.")
@json_option
def command(weights: bool, bundles: bool, images: bool, stale: bool, yes: bool, as_json: bool) -> None:
    """List or remove what can be made again: bundles, weights, emulated devices, leftovers.

    Lists what lies in compiled/ with sizes; --yes removes it. Without --weights, --bundles, --images or --stale it
    is about all of it. Recorded runs are never touched, and neither is what another lab is building now.

    \b
    Example:
      lab clean
      lab clean --stale --yes
    """
    from lab.core.home import compiled_dir
    from lab.jobs.clean import COMPILED, POINTS, STALE, removable, remove

    every = not (weights or bundles or images or stale)
    groups = (
        (weights, ("weights", "gguf")),
        (bundles, COMPILED),
        (images, ("image",)),
        (stale, (STALE,)),
        (False, (POINTS,)),  # small: it goes when all goes
    )
    found = removable(compiled_dir(), [kind for chosen, kinds in groups if every or chosen for kind in kinds])
    if yes:
        remove(found)
    if as_json:
        rows = [{**asdict(one), "path": str(one.path)} for one in found]
        print_document({"removed": yes, "folders": rows})
        return
    from lab.views.console import for_stdout
    from lab.views.tables.clean import clean_table

    print_text(for_stdout(clean_table(found, yes)))
