"""The last thing that everything on the screen passes: no control characters, and plain ASCII where it must be."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from lab.core.ascii import in_ascii


class Harmless(LineFilter):
    """Replaces what a terminal would obey. It is the second net: views clean what they draw themselves."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments without control characters, each as wide as before."""
        return [one if one.text.isprintable() else _with(one, _printable(one.text)) for one in segments]


class PlainText(LineFilter):
    """Replaces what a terminal without Unicode cannot draw."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments in ASCII, each as wide as before."""
        return [one if one.text.isascii() else _with(one, in_ascii(one.text, cell_len)) for one in segments]


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" * cell_len(char) for char in text)


def _with(segment: Segment, text: str) -> Segment:
    return Segment(text, segment.style, segment.control)
