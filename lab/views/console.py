"""From renderables to text: the terminal's width and colours, or a pipe's lack of both."""

from __future__ import annotations

import io
import os
import shutil
import sys

from rich.console import Console, RenderableType

PIPE_WIDTH = 120


def to_text(renderable: RenderableType, width: int, color: bool = False) -> str:
    """Render at a fixed width, trailing spaces cut."""
    out = io.StringIO()
    system = "standard" if color else None
    console = Console(file=out, width=width, color_system=system, force_terminal=color, legacy_windows=False)  # type: ignore[arg-type]
    console.print(renderable)
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def for_stdout(renderable: RenderableType) -> str:
    """Render for what stdout is now: as wide as its terminal, in colour only there and only if wanted."""
    terminal = sys.stdout.isatty()
    color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return to_text(renderable, stdout_width(), color)


def stdout_width() -> int:
    """The terminal's width in columns; $COLUMNS or 120 where there is none."""
    fallback = (PIPE_WIDTH, 24)
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return max(shutil.get_terminal_size(fallback).columns, 40)
    return PIPE_WIDTH
