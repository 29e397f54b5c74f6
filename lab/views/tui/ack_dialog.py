"""`a`: accept a new level, with a reason."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from lab.analysis.boards.cell_text import plain_word, value_words
from lab.analysis.history.regression import Regression
from lab.core.text import printable
from lab.core.units import change_size
from lab.views.tui.cells import key_words


class AckDialog(ModalScreen[str | None]):
    """Asks for the reason; Esc gives None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "cancel")]

    def __init__(self, change: Regression) -> None:
        super().__init__()
        metric, commit = change.cell.metric, printable(change.commits[1])[:9]
        levels = " to ".join(value_words(metric, level) for level in (change.before, change.after))
        self._said = Text("Accept the new level?\n", "bold")
        self._said.append(f"\n{key_words(change.cell)}\n", "not bold")
        self._said.append(f"{plain_word(change.word)}: {levels}, by {change_size(change.ratio)}\n", "not bold")
        since = f"since run {printable(change.run_id)}" + (f", commit {commit}" if commit else "")
        self._said.append(since + "\n", "not bold")
        self._said.append("\nWhy is it fine? The reason is kept in accepted.toml, for review.", "dim")

    def compose(self) -> ComposeResult:
        """Build the box."""
        with Vertical(id="box"):
            yield Static(self._said, markup=False)
            yield Input(placeholder="the reason", id="reason", max_length=200)
            yield Static(Text("Enter accept  Esc cancel", "bold"), id="answer", markup=False)

    def on_mount(self) -> None:
        """Let the reader type."""
        self.query_one(Input).focus()

    @on(Input.Submitted)
    def entered(self, event: Input.Submitted) -> None:
        """Accept, but not without a reason."""
        event.stop()
        if event.value.strip():
            self.dismiss(event.value.strip())
        else:
            self.query_one("#answer", Static).update(Text.assemble(("A reason is needed. Esc cancels.", "bold yellow")))

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Keep what is typed to this dialog."""
        event.stop()

    def action_leave(self) -> None:
        """Accept nothing."""
        self.dismiss(None)
