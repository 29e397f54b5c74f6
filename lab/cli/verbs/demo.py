"""`lab demo`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from lab.cli.output import is_screen, print_text, stderr

FOLDER = "lab-demo"


@click.command("demo")
@click.argument("folder", metavar="[FOLDER]", required=False, type=click.Path(path_type=Path))
def command(folder: Path | None) -> int:
    """Write a store of made-up runs, and show it: lab without a measurement.

    The runs are written to FOLDER (default: lab-demo in the working folder), which must not exist yet or be of an
    earlier demo. All of their devices are called demo-..., and every record says that it is made up; they are never
    compared with measured runs. In them are regressions, change points, several devices and engines, and failures.
    In a terminal 'lab dash' opens on them; elsewhere the commands that show them are printed.

    \b
    Example:
      lab demo
    """
    from lab.core.home import shown
    from lab.jobs.demo.write import write_demo
    from lab.views.progress import progress_on

    at = folder or Path(FOLDER)
    with progress_on(stderr()) as progress:
        runs = write_demo(at, progress)
    print_text(_commands(shlex.quote(shown(at)), runs))
    if not is_screen():
        return 0
    from lab.views.tui.app import run_app

    with _home(at):
        return run_app("overview")


def _commands(place: str, runs: int) -> str:
    rows = {
        "lab dash": "what every device does now",
        "lab regressions": "since when, which commits",
        "lab compare --axis target --model phi3-mini-q4": "device by device",
        "lab show latest": "one run",
        "lab runs --last 20": "the newest",
    }
    width = max(map(len, rows))
    lines = "\n".join(f"  {command:<{width}}  {what}" for command, what in rows.items())
    return (
        f"{runs} made-up runs in {place}: nothing was measured. Look at them with\n\n  export LAB_HOME={place}\n{lines}"
    )


@contextmanager
def _home(folder: Path) -> Iterator[None]:
    """Take the folder for the store: in the environment, which the threads of the application see too."""
    before = {name: os.environ.pop(name, None) for name in ("LAB_HOME", "LAB_STORE")}
    os.environ["LAB_HOME"] = str(folder.absolute())
    try:
        yield
    finally:
        del os.environ["LAB_HOME"]
        os.environ.update({name: value for name, value in before.items() if value is not None})
