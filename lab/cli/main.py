"""`main(argv) -> exit code`: runs the command and turns every way it can end into a code and a sentence."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from lab.cli import completion
from lab.cli.app import app
from lab.cli.output import print_text
from lab.cli.problems import EXIT_INTERRUPTED, report_bug, report_error, report_interrupt, report_usage
from lab.core.errors import LabError
from lab.jobs.interrupt import Interrupted

EXIT_USAGE = 2
EXIT_BUG = 70
EXIT_BROKEN_PIPE = 141  # as of any program that SIGPIPE ends


def main(argv: Sequence[str] | None = None) -> int:
    """Run `lab` with `argv` (default: the process's own arguments) and return its exit code."""
    try:
        code = _run(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _forget_stdout()
        return EXIT_BROKEN_PIPE
    except LabError as error:
        return report_error(error)
    except click.ClickException as error:
        return report_usage(error)
    except (Interrupted, click.Abort, KeyboardInterrupt) as error:
        report_interrupt(error)
        return EXIT_INTERRUPTED
    except Exception as error:  # whatever is left is a bug, and is reported as one
        report_bug(error)
        return EXIT_BUG


def _run(args: list[str]) -> int:
    """Run without click's own handling of interrupts, pipes and exits. A verb returns its code or None."""
    try:
        with app.make_context("lab", args) as context:
            code = app.invoke(context)
    except click.exceptions.Exit as done:  # --help, --version
        code = done.exit_code
    except click.exceptions.NoArgsIsHelpError as asked:  # `lab store` alone
        print_text(asked.format_message())
        code = 0
    except click.UsageError as problem:
        problem.ctx = max(_context_of(args), problem.ctx or click.Context(app), key=lambda one: len(one.command_path))
        raise
    return code if isinstance(code, int) else 0


def _context_of(args: list[str]) -> click.Context:
    """Return the context of the verb that the arguments name, for an error that knows of none."""
    context: click.Context = click.Context(app, info_name="lab")
    command: click.Command = app
    for word in args:
        found = command.get_command(context, word) if isinstance(command, click.Group) else None
        if found is None:
            break
        context, command = click.Context(found, parent=context, info_name=word), found
    return context


def entry() -> NoReturn:
    """The console script: `main`, a process's exit code, and a polite answer to SIGTERM; or a shell's completions."""
    if completion.is_asked():
        sys.exit(completion.answer(app))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a replaced stream need not be a text wrapper
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    for name in ("SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), _as_interrupt)
    sys.exit(main())


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    """Let a polite kill take the same way out as Ctrl-C: staging folders go, finished repetitions stay."""
    raise KeyboardInterrupt


def _forget_stdout() -> None:
    """Point stdout at nothing, so that closing it at exit does not fail a second time."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):
        os.dup2(devnull, sys.stdout.fileno())
