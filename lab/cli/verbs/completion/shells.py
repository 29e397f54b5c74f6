"""The scripts by which shells ask for completions."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from lab.cli.completion import VARIABLE

SHELLS = ("bash", "zsh", "fish")


def script(app: click.Group, shell: str) -> str:
    """Return what the shell has to read once, for instance by eval in its start-up file; ValueError for no shell."""
    kind = get_completion_class(shell)
    if kind is None:
        raise ValueError(shell)
    return kind(app, {}, "lab", VARIABLE).source()
