"""From renderables to text: the terminal's width and colours, or a pipe's lack of both. Nothing passes uncleaned."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterable
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from lab.core.ascii import in_ascii, needs_ascii
from lab.core.terminal import LINE_CHARS, Rendered
from lab.core.text import cut

PIPE_WIDTH = 120


class CleanConsole(Console):
    """A console that draws what lab styles and obeys nothing that a text says: no controls, no markup, no links."""

    plain = False  # whether it draws in ASCII alone

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments with text made printable; rich's own controls have no text of others in them."""
        if isinstance(renderable, str):
            renderable = Text(renderable)
        if isinstance(renderable, Text):
            renderable = clean(renderable)
        for one in super().render(renderable, options):
            yield one if one.control or self._is_fit(one.text) else Segment(self._fit(one.text), one.style)

    def _is_fit(self, text: str) -> bool:
        return _is_clean(text) and (not self.plain or text.isascii())

    def _fit(self, text: str) -> str:
        return in_ascii(_cleaned(text), cell_len) if self.plain else _cleaned(text)


def clean(text: Text) -> Text:
    """Return the text with each character that a terminal may obey replaced, and endless lines cut."""
    plain = text.plain
    if not _is_clean(plain):
        text = text.copy()
        text.plain = _cleaned(plain)
    if len(plain) <= LINE_CHARS:
        return text
    lines = text.split("\n", allow_blank=True)
    return Text("\n", end=text.end, no_wrap=text.no_wrap, overflow=text.overflow).join(_cut(line) for line in lines)


def live_console(stream: TextIO) -> CleanConsole:
    """Return the console for what moves in a terminal."""
    console = CleanConsole(file=stream, markup=False, emoji=False, highlight=False)
    console.plain = needs_ascii(stream)
    return console


def to_text(renderable: RenderableType, width: int, color: bool = False) -> Rendered:
    """Render at a fixed width, trailing spaces cut."""
    out = io.StringIO()
    system = "standard" if color else None
    console = CleanConsole(
        file=out,
        width=width,
        color_system=system,  # type: ignore[arg-type]
        force_terminal=color,
        legacy_windows=False,
        markup=False,
        emoji=False,
    )
    console.print(renderable)
    return Rendered("\n".join(line.rstrip() for line in out.getvalue().split("\n")))


def for_stdout(renderable: RenderableType) -> Rendered:
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


def _is_clean(text: str) -> bool:
    return text.isprintable() or text.replace("\n", "").isprintable()


def _cleaned(text: str) -> str:
    return "".join(char if char == "\n" or char.isprintable() else " " if char == "\t" else "?" for char in text)


def _cut(line: Text) -> Text:
    shown = cut(line.plain, LINE_CHARS)
    return line if shown == line.plain else line[:LINE_CHARS].append(shown[LINE_CHARS:])
