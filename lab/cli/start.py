"""`lab` alone: the last run and what to do next, where there is one; else the help."""

from __future__ import annotations

import click

from lab.cli.output import print_text
from lab.core.errors import LabError


def start(ctx: click.Context) -> None:
    """Print it on stdout."""
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
