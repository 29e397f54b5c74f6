"""stdout carries the answer; everything told while it is worked out goes to stderr. All of it by lab.core.terminal."""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

import click

from lab.core.terminal import Rendered, drawable, harmless, write_json, write_json_text, write_lines, write_text


def print_document(document: Any) -> None:
    """Write one JSON document: strict JSON in printable characters, whatever a record holds."""
    write_json(sys.stdout, document, indent=2)


def print_json_text(text: str) -> None:
    """Write JSON that is text already, unchanged but for characters that a terminal may obey: those are escaped."""
    write_json_text(sys.stdout, text)


def print_text(text: str) -> None:
    """Write text ending in exactly one newline: as it stands where lab drew it, else cleaned."""
    whole = text.rstrip("\n") + "\n"
    write_text(sys.stdout, Rendered(whole) if isinstance(text, Rendered) else whole)


def print_paged(text: str) -> None:
    """Write text as `print_text` does; on a terminal that is not tall enough by a pager: $LAB_PAGER, $PAGER, or less.

    An empty pager, or cat, is none.
    """
    pager = os.environ.get("LAB_PAGER", os.environ.get("PAGER"))
    if not sys.stdout.isatty() or text.count("\n") < shutil.get_terminal_size().lines or pager in ("", "cat"):
        print_text(text)
        return
    users = os.environ.get("PAGER")
    try:
        os.environ["PAGER"] = pager or ""  # click asks for no other
        shown = drawable(text if isinstance(text, Rendered) else harmless(text), sys.stdout)
        click.echo_via_pager(shown.rstrip("\n"))
    finally:
        if users is None:
            del os.environ["PAGER"]
        else:
            os.environ["PAGER"] = users


def print_exactly(text: str, *, err: bool = False) -> None:
    """Write text that has its own line ends, to stderr with `err`; cleaned."""
    write_text(sys.stderr if err else sys.stdout, text)


def warn(text: str) -> None:
    """Write one line of warning to stderr."""
    tell(f"warning: {text}")


def tell(text: str) -> None:
    """Write a line to stderr that is no warning; a text of several lines stays that, each cut where it is endless."""
    write_lines(sys.stderr, text)


def confirm(question: str) -> bool:
    """Ask on stderr, yes or no; Ctrl-C at the question is the KeyboardInterrupt that it is anywhere else."""
    try:
        return click.confirm(harmless(question), err=True)
    except click.Abort:
        raise KeyboardInterrupt from None


def ask(question: str) -> str:
    """Ask on stderr for one line."""
    return str(click.prompt(harmless(question), err=True))


def is_screen() -> bool:
    """Whether there is a terminal that can draw a whole screen, and somebody at it."""
    return sys.stdout.isatty() and sys.stdin.isatty() and os.environ.get("TERM") != "dumb"


def stderr() -> Any:
    """The stream for talk; looked up when used, since tests replace it."""
    return sys.stderr
