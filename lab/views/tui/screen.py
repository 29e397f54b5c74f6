"""What all screens do alike."""

from __future__ import annotations

from functools import partial
from typing import cast

from textual.screen import Screen

from lab.analysis.boards.board import BoardCell
from lab.views.tui.background import start
from lab.views.tui.host import Host
from lab.views.tui.lines import Line


class LabScreen(Screen[None]):
    """A screen with a line for messages, and the keys that work everywhere."""

    said = ""  # what the line says; it may be told before there is a line

    @property
    def lab(self) -> Host:
        """The application."""
        return cast("Host", self.app)

    def tell(self, text: str) -> None:
        """Show a message until the next key or message."""
        self.said = text
        for line in self.query("#say").results(Line):
            line.say(text)
            line.set_class(bool(text), "shown")

    def on_mount(self) -> None:
        """Say what was told before there was a line for it."""
        self.tell(self.said)

    def on_key(self) -> None:
        """Whoever presses a key has read the message; what the key does comes after this."""
        if self.said:
            self.tell("")

    def action_back(self) -> None:
        """Leave the page."""
        self.app.pop_screen()

    def action_quit(self) -> None:
        """Leave the application."""
        self.app.exit(0)

    def action_help(self) -> None:
        """Show every key."""
        from lab.views.tui.keys import HelpScreen

        self.app.push_screen(HelpScreen())

    def action_theme(self) -> None:
        """Next colours."""
        self.lab.next_theme()

    def action_reload(self) -> None:
        """Read the store again."""
        self.lab.reload()

    def action_compare(self) -> None:
        """Show the marked runs side by side."""
        self.lab.compare_marked()

    def ask_acknowledge(self, cell: BoardCell, run_id: str) -> None:
        """Ask for the reason to accept what got worse in the cell; say so where nothing did."""
        start(self, partial(self._ask, cell, run_id), exclusive=True, group="ask")

    async def _ask(self, cell: BoardCell, run_id: str) -> None:
        from lab.views.tui.ack_dialog import AckDialog

        lab, snapshot = self.lab, self.lab.snapshot
        if snapshot is None:
            return
        with lab.telling():
            change = await lab.beside(lambda: lab.source.open_change(snapshot, cell, run_id))
            if change is None:
                lab.say("nothing to accept: no regression of this cell is open")
                return
            dialog = AckDialog(change)
            self.app.push_screen(dialog, lambda reason: lab.accept(change, reason) if reason else None)
