"""The last thing that everything on the screen passes: no control characters, and plain ASCII where it must be."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

# One character each, so that nothing moves. Bars keep their order of heights.
PLAIN = dict(
    pair
    for drawn, plain in (
        ("▁▂▃▄▅▆▇█", "_.,-=+*#"),
        ("▉▊▋▌▍▎▏▔▕", "#######^|"),
        ("─━│┃╺╸", "--||--"),
        ("┌┐└┘├┤┬┴┼╭╮╯╰", "+" * 13),
        ("·•…–—±×→←↑↓≤≥", ".*.--~x><^v<>"),
    )
    for pair in zip(drawn, plain, strict=True)
)


class Harmless(LineFilter):
    """Replaces what a terminal would obey. It is the second net: views clean what they draw themselves."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments without control characters, each as wide as before."""
        return [one if one.text.isprintable() else _with(one, _printable(one.text)) for one in segments]


class PlainText(LineFilter):
    """Replaces what a terminal without Unicode cannot draw."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments in ASCII, each as wide as before."""
        return [one if one.text.isascii() else _with(one, in_ascii(one.text)) for one in segments]


def in_ascii(text: str) -> str:
    """Return the text in ASCII, as many columns wide."""
    return "".join(char if char.isascii() else PLAIN.get(char, "?" * cell_len(char)) for char in text)


def needs_ascii(environment: Mapping[str, str]) -> bool:
    """Whether the terminal has no Unicode: another encoding, or the console of Linux with its small font."""
    encoding = (getattr(sys.__stderr__, "encoding", None) or "utf-8").lower().replace("-", "")
    return encoding != "utf8" or environment.get("TERM") == "linux"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" * cell_len(char) for char in text)


def _with(segment: Segment, text: str) -> Segment:
    return Segment(text, segment.style, segment.control)
