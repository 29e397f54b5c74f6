"""The group `lab`: its verbs in the order of work, each imported only when it is used."""

from __future__ import annotations

from importlib import import_module
from keyword import iskeyword

import click

from lab.core.suggest import unknown
from lab.version import __version__

# verb -> what it is for; the module is lab.cli.verbs.<verb> (`import_` for `import`), the command in it is `command`.
VERBS = {
    "models": "List the models lab can build, and what each one needs.",
    "targets": "List the devices that are described, or check their descriptions.",
    "devices": "List the phones that are attached, and how lab sees them.",
    "convert": "Make the weights file of a model.",
    "compile": "Compile a model's library for a target.",
    "toolchain": "Build what runs on a phone with Android's own C library.",
    "probe": "Measure what a device can do at the best: its memory and its arithmetic.",
    "run": "Measure a model on a target; builds whatever is missing first.",
    "verify": "Hold a build's logits against the reference implementation.",
    "runs": "List recorded runs, oldest first.",
    "show": "Show one recorded run with every raw detail.",
    "compare": "Compare recorded runs: for each metric a ratio and a word.",
    "store": "Look after the recorded runs: check, archive, prune, remove, export, and copy them.",
    "dash": "Show a dashboard: what everything does now, how it got there, and what got worse.",
    "regressions": "Find where the history of a cell moved to another level, and the commits that did it.",
    "ack": "Accept a level that 'lab regressions' found, with a reason.",
    "import": "Take results of other programs into the store.",
    "export": "Write recorded runs in another tool's form.",
    "gate": "Judge runs against a baseline, and leave with a code that stops a release.",
    "calibrate": "Learn how much a target's sessions differ when nothing changed.",
    "bisect": "Find the commit that made a model slower, bigger or broken on a target.",
    "clean": "List or remove what can be made again: bundles, weights, emulated devices, leftovers.",
}


class LazyGroup(click.Group):
    """A group that knows its verbs by name and imports one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one verb's command; None for a name that is no verb."""
        if cmd_name not in VERBS:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"lab.cli.verbs.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but with the nearest verbs in the message."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in VERBS:
            raise click.UsageError(unknown("command", name, VERBS), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs from the table above, so that help imports none of them."""
        with formatter.section("Verbs, in the order of work"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="lab")
def app() -> None:
    """Measure language models on the devices they are meant for.

    \b
    Example:
      lab models
      lab run --target local --model phi3-mini-q4
      lab show latest
    """
