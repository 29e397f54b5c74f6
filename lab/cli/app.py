"""The group `lab`: its verbs in the order of work, each imported only when it is used."""

from __future__ import annotations

from importlib import import_module
from keyword import iskeyword

import click
from click.shell_completion import CompletionItem

from lab.cli import completion
from lab.cli.output import print_text
from lab.core.errors import LabError
from lab.core.suggest import unknown
from lab.version import __version__

# What it is about -> verb -> what it is for; the module is lab.cli.verbs.<verb> (`import_` for `import`), and the
# command in it is `command`.
GROUPS = {
    "Measure": {
        "models": "List the models lab can build, and what each one needs.",
        "run": "Measure a model on a target; builds whatever is missing first.",
        "probe": "Measure the peak memory bandwidth and arithmetic of a device (roofline).",
        "verify": "Check a build's logits against the reference implementation.",
        "convert": "Make the weights file of a model.",
        "compile": "Compile a model's library for a target.",
        "toolchain": "Build what runs on a phone with Android's own C library.",
    },
    "Look": {
        "runs": "List recorded runs, oldest first.",
        "show": "Show one recorded run: numbers, pictures, environment, and what to do about warnings.",
        "compare": "Compare recorded runs: a ratio and a verdict for each metric.",
        "dash": "Show a dashboard: what everything does now, how it got there, and what got worse.",
        "demo": "Write a store of made-up runs, and show it: lab without a measurement.",
    },
    "Judge": {
        "gate": "Judge runs against a baseline and exit non-zero on regression.",
        "regressions": "Find change points in benchmark histories, and the commits behind them.",
        "ack": "Accept a level that 'lab regressions' found, with a reason.",
        "calibrate": "Learn a target's noise between sessions, and its thresholds.",
        "bisect": "Find the commit that made a model slower, bigger or broken on a target.",
    },
    "Store": {
        "store": "Look after the recorded runs: check, archive, prune, remove, export, and copy them.",
        "import": "Take results of other programs into the store.",
        "export": "Write recorded runs in another tool's form.",
        "clean": "List or remove what can be made again: bundles, weights, emulated devices, leftovers.",
    },
    "Devices": {
        "targets": "List the devices that are described, or check their descriptions.",
        "devices": "List the phones that are attached, and how lab sees them.",
    },
    "Shell": {
        "completion": "Print what makes a shell complete verbs, options, targets, models and run ids.",
    },
}
VERBS = {verb: text for verbs in GROUPS.values() for verb, text in verbs.items()}


class LazyGroup(click.Group):
    """A group that knows its verbs by name and imports one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs, by what they are about."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one verb's command; None for a name that is no verb."""
        if cmd_name not in VERBS:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"lab.cli.verbs.{module}").command
        if completion.is_asked():
            completion.with_names(command, cmd_name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return verbs and options that begin so, without importing any."""
        verbs = [CompletionItem(name, help=text) for name, text in VERBS.items() if name.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

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
        for title, verbs in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl(list(verbs.items()))


@click.command(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="lab")
@click.pass_context
def app(ctx: click.Context) -> None:
    """Measure language models on the devices they are meant for.

    \b
    Example:
      lab models
      lab run --target local --model phi3-mini-q4
      lab show latest
    """
    if ctx.invoked_subcommand is None:
        start(ctx)


def start(ctx: click.Context) -> None:
    """Print the last run and what to do next, where there is one, else the help; on stdout."""
    try:
        text = _last_run()
    except LabError:  # `lab store check` says what is wrong with the store; this is about lab
        text = ""
    print_text(text or ctx.get_help())


def _last_run() -> str:
    from lab import store
    from lab.core.units import counted

    runs = store.entries()
    if not runs:
        return ""
    last = runs[-1]
    day = f"{last.stamp[:4]}-{last.stamp[4:6]}-{last.stamp[6:8]}"
    rows = [("lab show latest", "all that is recorded of it")]
    if len(runs) > 1:
        rows.append(("lab compare latest~1 latest", "what changed since the run before"))
    rows.append(("lab dash", "every device and model, and what got worse"))
    if len(runs) == 1:
        rows.append((f"lab run --target {last.target} --model {last.label.partition('@')[0]}", "measure again"))
    width = max(len(command) for command, _ in rows)
    lines = "\n".join(f"  {command:<{width}}  {what}" for command, what in rows)
    return (
        f"{counted(len(runs), 'run')} in {store.in_use().where}. The last one:\n"
        f"  {last.run_id}: {last.label} on {last.target}, {day}\n\n"
        f"Next:\n{lines}\n\n"
        "'lab --help' lists all commands."
    )
