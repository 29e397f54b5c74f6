"""Every key, once: the bindings, the line at the foot, and the page of `?` are made of this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from lab.analysis.legend import legend
from lab.views.table import left, table


@dataclass(frozen=True)
class Key:
    """A key: what textual calls it, what a person calls it, the action, one word for the foot, a sentence."""

    key: str
    shown: str
    action: str
    word: str
    sentence: str


BOARD = (
    Key("enter", "Enter", "open", "open", "Open what is under the cursor"),
    Key("slash", "/", "filter", "filter", "Show only what has all the words that you type"),
    Key("s", "s", "sort", "sort", "Next order: name, worst, newest, by column (or click a heading)"),
    Key("S", "S", "reverse", "reverse", "Reverse the order"),
    Key("m", "m", "metric", "metric", "Cycle metric: each one alone, then all"),
    Key("d", "d", "next_board", "board", "Next dashboard; 1 to 9 choose one by its number"),
    Key("g", "g", "regressions", "regressions", "Go to the open regressions: what got worse and nobody accepted"),
    Key("n", "n", "newest", "newest", "On an opened change: the newest run below, or again the first at the new level"),
    Key("space", "Space", "mark", "mark", "Mark the newest run under the cursor, or unmark it"),
    Key("c", "c", "compare", "compare", "Show the two marked runs side by side"),
    Key("a", "a", "acknowledge", "accept", "Accept the new level of a regression, with your reason"),
    Key("r", "r", "reload", "reload", "Read the store again; new runs are found without it"),
    Key("t", "t", "theme", "theme", "Colours: the terminal's own, dark, light"),
    Key("question_mark", "?", "help", "help", "This page"),
    Key("escape", "Esc", "back", "back", "Leave a page, or clear the filter"),
    Key("q", "q", "quit", "quit", "Leave"),
)
FOOT = ("Enter", "g", "/", "s", "m", "d", "Space", "c", "a", "?", "q")
DETAIL = ("Enter", "n", "Space", "c", "a", "Esc", "?", "q")
PAGE = ("Esc", "?", "q")


MARKS = "Bars are sessions, the oldest first. Colours only repeat what words say."


def foot(names: tuple[str, ...], width: int) -> list[Key]:
    """Return the keys that a line of `width` has room for; help and quit stay to the last."""
    keys = [next(key for key in BOARD if key.shown == name) for name in names]
    while len(keys) > 2 and sum(len(key.shown) + len(key.word) + 3 for key in keys) - 2 > width:
        keys.pop(-3)
    return keys


class HelpScreen(ModalScreen[None]):
    """The page of keys; any of Esc, q, ? leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,enter", "leave", "close")]

    def compose(self) -> ComposeResult:
        """Build the box."""
        rows: list[list[str | Text]] = [[Text(key.shown, "bold"), key.sentence] for key in BOARD]
        rows.insert(0, [Text("Arrows", "bold"), "Move; PageUp, PageDown, Home and End too, and the mouse"])
        with VerticalScroll(id="box"):
            yield Static(table([left("Key", fold=False), left("What it does")], rows), markup=False)
            yield Static(Text(MARKS, "dim"), markup=False)
            for one in legend():
                words: list[list[str | Text]] = [[Text(word, "bold"), meaning] for word, meaning in one.words]
                yield Static(table([left(one.title, fold=False), left("Meaning")], words), markup=False)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)
