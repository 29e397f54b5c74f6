"""The one door for text on its way to a terminal: no control character of a device, a file or a record passes it.

Everything that lab prints is written by `write_text`, `write_line` or `write_json`; tests/test_one_door.py holds that.
Lab's own colours and moving lines come from `lab.views.console`, which cleans what it draws and marks it as `Rendered`.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, TextIO

from lab.core.ascii import encodable, in_ascii, is_utf8, needs_ascii
from lab.core.text import clipped, cut

LINE_CHARS = 2000  # of a line of progress: a device may say more, and a screen holds no more
# Printable text has none of these but line ends; C1 controls, overrides of direction, what has no width, lone
# surrogates and what no Unicode version knows are all not printable.
_OTHER = re.compile(r"[^\x20-\x7e\n\t]")


class Rendered(str):
    """Text whose control sequences are lab's own, drawn from text that was cleaned before."""


def harmless(text: str) -> str:
    """Return the text with a `?` for each character that a terminal may obey; line ends and tabs stay."""
    return text if text.isprintable() else _OTHER.sub(_question_mark, text)


def json_text(document: Any, *, indent: int | None = None) -> str:
    """Return strict JSON in printable characters: others are escaped, and a number that JSON does not have is null."""
    return escaped_json(json.dumps(finite(document), indent=indent, ensure_ascii=False, allow_nan=False))


def escaped_json(text: str) -> str:
    """Return JSON text that means the same, in printable characters and line ends alone."""
    return text if text.isprintable() else _OTHER.sub(_escape, text)


def write_text(stream: TextIO, text: str) -> None:
    """Write text of any number of lines, as it stands where lab drew it and cleaned where not.

    What lab drew is ASCII where the terminal or the locale has no Unicode; other text only where it cannot be written.
    """
    _out(stream, drawable(text, stream) if isinstance(text, Rendered) else encodable(harmless(text), stream))


def write_line(stream: TextIO, text: object) -> None:
    """Write one line, whatever the text."""
    _out(stream, drawable(clipped(text, LINE_CHARS), stream) + "\n")


def write_lines(stream: TextIO, text: str) -> None:
    """Write text that stays several lines, each cut where it is endless."""
    lines = harmless("".join(f"{cut(line, LINE_CHARS)}\n" for line in text.split("\n")))
    _out(stream, drawable(lines, stream))


def write_json(stream: TextIO, document: Any, *, indent: int | None = None) -> None:
    """Write one JSON document and a line end."""
    write_json_text(stream, json_text(document, indent=indent))


def write_json_text(stream: TextIO, text: str) -> None:
    """Write JSON that is text already, and a line end: what the stream cannot hold is escaped, and means the same."""
    whole = escaped_json(text.rstrip("\n")) + "\n"
    _out(stream, whole if is_utf8(stream) else re.sub(r"[^\x00-\x7f]+", lambda found: _spelt(found.group()), whole))


def drawable(text: str, stream: TextIO) -> str:
    """Return what lab drew as the stream can show it."""
    return in_ascii(text) if not text.isascii() and needs_ascii(stream) else text


def _out(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()


def _question_mark(found: re.Match[str]) -> str:
    char = found.group()
    return char if char.isprintable() else "?"


def _escape(found: re.Match[str]) -> str:
    char = found.group()
    if char.isprintable():
        return char
    return _spelt(char) if char != "\x7f" else "\\u007f"


def _spelt(text: str) -> str:
    return json.dumps(text)[1:-1]


def finite(document: Any) -> Any:
    """Return the document with null for each number that is not finite."""
    if isinstance(document, float):
        return document if math.isfinite(document) else None
    if isinstance(document, dict):
        return {key: finite(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [finite(value) for value in document]
    return document
