"""The nets below the screen: control characters, ASCII, the foot line, columns that are cut."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from textual.color import Color

from lab.views.tui.cells import cut
from lab.views.tui.grid import whole_columns
from lab.views.tui.keys import FOOT, foot
from lab.views.tui.sanitise import Harmless, PlainText

BLACK = Color(0, 0, 0)


@pytest.mark.parametrize("text", ["a\x1b[31mb", "tab\there", "\x9b2J", "bell\x07"])
def test_nothing_that_a_terminal_obeys_passes(text: str) -> None:
    [out] = Harmless().apply([Segment(text)], BLACK)
    assert out.text.isprintable()


def test_harmless_text_passes_as_it_is() -> None:
    assert Harmless().apply([Segment("▁▂ ok")], BLACK) == [Segment("▁▂ ok")]


@pytest.mark.parametrize(("text", "plain"), [("▁▄█", "_-#"), ("a · b", "a . b"), ("日", "??"), ("é", "e")])
def test_ascii_is_as_wide(text: str, plain: str) -> None:
    [out] = PlainText().apply([Segment(text)], BLACK)
    assert out.text == plain


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_the_foot_holds_whole_keys_and_never_loses_help(width: int) -> None:
    keys = foot(FOOT, width)
    assert [key.shown for key in keys][-2:] == ["?", "q"]
    assert len("  ".join(f"{key.shown} {key.word}" for key in keys)) <= width


def test_texts_are_cut_between_words() -> None:
    assert cut("one two three", 9) == "one two…"
    assert cut("one", 9) == "one"


@pytest.mark.parametrize(
    ("widths", "room", "drawn"),
    [
        ([10, 10, 10], 40, [10, 10, 10]),  # all fit
        ([10, 10, 10], 30, [10, 16, 10]),  # the third would be cut: it begins beyond the edge
        ([10, 40], 40, [10, 40]),  # too much would stay empty
        ([50], 40, [50]),
    ],
)
def test_a_column_that_hardly_fits_begins_beyond_the_edge(widths: list[int], room: int, drawn: list[int]) -> None:
    assert whole_columns(widths, room) == drawn
