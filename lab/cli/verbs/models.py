"""`lab models`."""

from __future__ import annotations

import click

from lab.cli.options import json_option
from lab.cli.output import print_document, print_text


@click.command("models")
@json_option
def command(as_json: bool) -> None:
    """List the models lab can build, and what each one needs.

    Sizes are computed from the model's shapes; nothing is downloaded. A model whose numbers rest on one source is
    listed with what is not sure. A folder of another size of these families runs without being listed: see 'lab run'.

    \b
    Example:
      lab models
      lab models --json
    """
    from lab.models.catalog import catalog

    rows = catalog()
    if as_json:
        from dataclasses import asdict

        print_document({"models": [asdict(row) for row in rows]})
        return
    from lab.views.console import for_stdout, stdout_width
    from lab.views.tables.models import models_table

    print_text(for_stdout(models_table(rows, stdout_width())))
