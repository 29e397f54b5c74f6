"""What lab draws (bars, lines, dots) in ASCII, for a terminal or a locale without Unicode."""

from __future__ import annotations

import codecs
import os
import unicodedata
from collections.abc import Callable, Mapping
from typing import TextIO

# One character each, so that nothing moves. Bars keep their order of heights and of lengths.
PLAIN = dict(
    pair
    for drawn, plain in (
        ("▁▂▃▄▅▆▇█", "_.,-=+*#"),
        ("▉▊▋▌▍▎▏▓░▔▕", "#######=-^|"),
        ("─━│┃╺╸", "--||--"),
        ("┌┐└┘├┤┬┴┼╭╮╯╰", "+" * 13),
        ("·•…–—±×→←↑↓≤≥µμ°", ".*.--~x><^v<>uuo"),
    )
    for pair in zip(drawn, plain, strict=True)
)
ASCII_TERMINALS = {"dumb", "linux"}  # the console of Linux has a small font
_C = {"C", "POSIX"}


def needs_ascii(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether what is drawn on the stream has to be ASCII: by its encoding, its terminal, or the locale C."""
    return not is_utf8(stream) or _asks_for_ascii(environment, stream.isatty())


def is_utf8(stream: TextIO) -> bool:
    """Whether the stream can hold every character."""
    try:
        return codecs.lookup(getattr(stream, "encoding", None) or "utf-8").name.startswith("utf")
    except LookupError:
        return False


def in_ascii(text: str, width_of: Callable[[str], int] = lambda char: 1) -> str:
    """Return the text in ASCII: letters without accents, of the rest a question mark for each of `width_of` columns."""
    if text.isascii():
        return text
    return "".join(
        char if char.isascii() else PLAIN.get(char) or _letter(char) or "?" * width_of(char) for char in text
    )


def encodable(text: str, stream: TextIO) -> str:
    """Return the text with nothing in it that the stream cannot hold; what it can stays as it is."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(char if char not in PLAIN and _fits(char, encoding) else in_ascii(char) for char in text)
    return text


def _asks_for_ascii(environment: Mapping[str, str], is_terminal: bool) -> bool:
    if is_terminal and environment.get("TERM") in ASCII_TERMINALS:
        return True
    if named := environment.get("LC_ALL"):
        return named in _C
    # Where nothing else is named, Python itself puts C.UTF-8 there: that says nothing of the terminal.
    kind, language = environment.get("LC_CTYPE", ""), environment.get("LANG")
    return kind in _C or (language in _C and kind in ("", "C.UTF-8"))


def _fits(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _letter(char: str) -> str:
    base = unicodedata.normalize("NFKD", char)[0] if unicodedata.category(char)[0] == "L" else ""
    return base if base.isascii() else ""
