"""A verb with sub-commands, whose list in the help says each whole first sentence: click cuts them."""

from __future__ import annotations

import click


class Subcommands(click.Group):
    """The group of a verb."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each sub-command with the first paragraph of its help."""
        rows = [(name, _first(self.commands[name])) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _first(command: click.Command) -> str:
    return " ".join((command.help or "").partition("\n\n")[0].split())
