"""`lab completion`: the scripts by which shells ask for completions."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from lab.cli.completion import VARIABLE
from lab.cli.output import print_text

SHELLS = ("bash", "zsh", "fish")


def script(app: click.Group, shell: str) -> str:
    """Return what the shell has to read once, for instance by eval in its start-up file; ValueError for no shell."""
    kind = get_completion_class(shell)
    if kind is None:
        raise ValueError(shell)
    return kind(app, {}, "lab", VARIABLE).source()


@click.command("completion")
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete verbs, options, targets, models and run ids.

    SHELL is bash (4.4 or newer), zsh or fish. Put the line into the shell's start-up file: ~/.bashrc, ~/.zshrc, or
    ~/.config/fish/config.fish.

    \b
    Example:
      lab completion bash

    \b
    The lines:
      bash  eval "$(lab completion bash)"
      zsh   eval "$(lab completion zsh)"
      fish  lab completion fish | source
    """
    root = ctx.find_root().command
    assert isinstance(root, click.Group)
    print_text(script(root, shell))
