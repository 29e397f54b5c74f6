"""`?`: every key."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from lab.views.table import left, table
from lab.views.tui.keys import BOARD

MARKS = "Bars are sessions, the oldest first. Colours only repeat what words say."


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

    def action_leave(self) -> None:
        """Close."""
        self.dismiss(None)
