"""What lab draws, in a terminal or a locale without Unicode: no error, and no question mark for what is lab's own."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import lab
from lab.core.ascii import PLAIN, in_ascii, needs_ascii
from lab.core.terminal import Rendered, write_json, write_json_text, write_line, write_lines, write_text


class Stream(io.TextIOWrapper):
    """A stream of an encoding, on a terminal or not."""

    def __init__(self, encoding: str, is_terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict", newline="")
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    @property
    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("environment", "encoding", "terminal", "ascii_"),
    [
        ({}, "utf-8", True, False),
        ({"TERM": "xterm", "LANG": "de_DE.UTF-8"}, "utf-8", True, False),
        ({"LANG": "C.UTF-8"}, "utf-8", True, False),
        ({"LC_CTYPE": "C.UTF-8"}, "utf-8", True, False),  # no LANG: put there by Python itself
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, "utf-8", False, True),  # the same, with LANG=C
        ({"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, "utf-8", True, False),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, "utf-8", False, True),
        ({"LANG": "C", "LC_ALL": "en_US.UTF-8"}, "utf-8", True, False),
        ({"LANG": "POSIX"}, "utf-8", True, True),
        ({"TERM": "dumb"}, "utf-8", True, True),
        ({"TERM": "dumb"}, "utf-8", False, False),  # a pipe is no terminal
        ({"TERM": "linux"}, "utf-8", True, True),
        ({}, "ascii", False, True),
        ({}, "latin-1", True, True),
    ],
)
def test_who_gets_ascii(environment: dict[str, str], encoding: str, terminal: bool, ascii_: bool) -> None:
    assert needs_ascii(Stream(encoding, terminal), environment) is ascii_


def test_what_is_drawn_keeps_its_heights_and_its_width() -> None:
    assert in_ascii("▁▂▃▄▅▆▇█ 5 ± 1 µs, 40 °C → ■") == "_.,-=+*# 5 ~ 1 us, 40 oC > ?"
    assert all(len(plain) == 1 and plain.isascii() for plain in PLAIN.values())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "cp1252"])
@given(st.text(max_size=40))
def test_nothing_is_an_error(encoding: str, text: str) -> None:
    stream = Stream(encoding)
    write_text(stream, text)
    write_text(stream, Rendered(text))
    write_line(stream, text)
    write_lines(stream, text)


def test_a_letter_that_the_encoding_has_stays() -> None:
    stream = Stream("latin-1")
    write_text(stream, "Größe ▁█ Łódź")
    assert stream.text == "Größe _# ?ódz"


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4))
def test_json_means_the_same_in_every_encoding(document: dict[str, str]) -> None:
    stream = Stream("ascii")
    write_json(stream, document)
    assert json.loads(stream.text) == document
    stream = Stream("latin-1")
    write_json_text(stream, json.dumps(document, ensure_ascii=False))
    assert json.loads(stream.text) == document


def test_json_of_a_locale_without_unicode_is_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    stream = Stream("utf-8")
    write_json(stream, {"name": "Über"})
    assert stream.text == '{"name": "Über"}\n'


def test_every_screen_is_whole_in_ascii() -> None:
    """The stored pictures of all screens: no question mark comes in, and every column stays where it is."""
    pictures = sorted((Path(__file__).parents[1] / "views" / "snapshots").glob("*.txt"))
    assert len(pictures) > 50
    for picture in pictures:
        text = picture.read_text("utf-8").replace("™", "")  # of a device's name, not drawn by lab
        plain = in_ascii(text, cell_len)
        assert plain.isascii()
        assert plain.count("?") == text.count("?"), picture.name
        assert list(map(cell_len, plain.split("\n"))) == list(map(cell_len, text.split("\n")))


def test_every_character_that_lab_draws_has_its_ascii() -> None:
    """A new one in lab/ needs a place in the table, or a terminal without Unicode shows a question mark."""
    pages = "html"  # bytes of a file, which is UTF-8
    writers = "exchange"
    sources = [path for path in Path(lab.__file__).parent.rglob("*.py") if not {pages, writers} & set(path.parts)]
    strange = {char for path in sources for char in path.read_text("utf-8") if not char.isascii()}
    assert {char for char in strange if "?" in in_ascii(char)} == set()
