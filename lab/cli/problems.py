"""How a command's bad endings read on stderr."""

from __future__ import annotations

import os
import traceback

import click

from lab.cli.output import tell
from lab.core.errors import LabError
from lab.core.suggest import listed
from lab.views.bug_report import keep_traceback

EXIT_INTERRUPTED = 130
NOTHING_LOST = "nothing half-made is left, and what was finished before stays where it is"


def report_error(error: LabError) -> int:
    """Write what is wrong and the next step; return the error's exit code."""
    _say(f"error: {error.what}")
    if error.hint:
        _say(f"hint: {error.hint}")
    return error.exit_code


def report_usage(error: click.ClickException) -> int:
    """Write a usage error and where to read on; return 2."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "lab"
    _say(f"error: {error.format_message()}")
    _say(f"hint: {_names(error)}see '{command} --help'")
    return error.exit_code if isinstance(error, click.UsageError) else 1


def _names(error: click.ClickException) -> str:
    """What could stand where a target or a model is missing."""
    missing = error.format_message().partition("Missing option '")[2]
    if missing.startswith("--target"):
        from lab.core.home import definitions

        return f"'lab targets' lists {listed(list(definitions('targets')))}; "
    if missing.startswith("--model"):
        from lab.models.catalog import model_ids

        return f"'lab models' lists {listed(list(model_ids()))}; "
    return ""


def report_interrupt(error: BaseException) -> None:
    """Write one sentence on what an interrupted command kept."""
    _say(f"\ninterrupted: {_sentence(error)}")


def _sentence(error: BaseException) -> str:
    """Return what was kept: of a second Ctrl-C, what the first one says that it interrupted."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(kept := getattr(found, "kept", None), str):
            return kept
        found = found.__cause__ or found.__context__
    return NOTHING_LOST


def report_bug(error: Exception) -> None:
    """Keep the traceback in a file and say in one paragraph what to do with it; LAB_DEBUG=1 shows it."""
    if os.environ.get("LAB_DEBUG") == "1":
        _say("".join(traceback.format_exception(error)).rstrip())
    first_line = (str(error).splitlines() or [""])[0][:300]
    _say(f"error: {type(error).__name__}: {first_line}")
    _say(
        f"This is a bug of lab, not of yours. {keep_traceback(error)} Please report it with the command you gave; "
        "LAB_DEBUG=1 shows the traceback at once."
    )


def _say(text: str) -> None:
    tell(text)
