"""A cell opened: its sessions above; below in all detail the newest, or of a change the first at the new level."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Static

from lab.analysis.boards.board import BoardCell
from lab.analysis.boards.cell_text import cut
from lab.analysis.boards.detail import CellDetail
from lab.core.text import printable
from lab.core.units import change as ratio_change
from lab.views.table import BAD
from lab.views.tui.background import start
from lab.views.tui.cells import cell_words, verdict_words
from lab.views.tui.detail_view import detail_view
from lab.views.tui.keys import BOARD, DETAIL
from lab.views.tui.lines import Foot, Line
from lab.views.tui.page_screen import run_page
from lab.views.tui.screen import LabScreen
from lab.views.tui.sessions import Session, sessions_of

TITLES = ("When (UTC)", "Run", "Value", "vs newest", "n", "Status", "Commit", "Tags")
STATUS_CHARS = 40
KEYS = ("escape", "n", "space", "c", "a", "q", "t", "question_mark")


class DetailScreen(LabScreen):
    """What a board's cell stands for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key.key, key.action, key.word) for key in BOARD if key.key in KEYS),
        Binding("tab", "other", "other half", priority=True),
    ]

    def __init__(self, cell: BoardCell) -> None:
        super().__init__()
        assert cell.key is not None
        self._cell, self._key = cell, cell.key
        self._below = cell  # the run whose page it is
        self._sessions: tuple[Session, ...] = ()
        self._detail: CellDetail | None = None

    def compose(self) -> ComposeResult:
        """Build the widgets."""
        yield Line(id="head")
        yield Line(id="what")
        yield DataTable[Text](cursor_type="row", id="sessions", cell_padding=1)
        with VerticalScroll(id="page"):
            yield Static(Text("reading …"), id="body", markup=False)
        yield Line(id="say")
        yield Foot(DETAIL if self._cell.change is not None else tuple(name for name in DETAIL if name != "n"))

    def on_mount(self) -> None:
        """List the sessions, and begin to read the run that is shown below."""
        self.query_one("#head", Line).say(cell_words(self._cell))
        self.query_one("#what", Line).say(verdict_words(self._cell).plain)
        grid = self.query_one(DataTable)
        grid.add_columns(*(Text(title) for title in TITLES))
        grid.focus()
        start(self, self._fill, exclusive=True)

    async def _fill(self) -> None:
        lab, cell, key = self.lab, self._cell, self._key
        with lab.telling():
            if lab.snapshot is not None:
                points = lab.snapshot.points
                self._list(await lab.beside(lambda: sessions_of(points, key, cell.under)))
        await self._read()

    async def _read(self) -> None:
        """Show the run below."""
        lab, below = self.lab, self._below
        self._detail = None
        with lab.telling():
            self._detail = await lab.beside(lambda: lab.source.detail(below))
            self.on_resize()
        if self._detail is None:
            self.query_one("#body", Static).update(Text("the run cannot be read; the message below says why"))

    def _list(self, sessions: tuple[Session, ...]) -> None:
        self._sessions = sessions
        grid = self.query_one(DataTable)
        for one in sessions:
            against = one.against_newest
            change = "" if against is None or against == 1.0 else ratio_change(against)
            status = cut(": ".join(part for part in (one.status, printable(one.reason)) if part), STATUS_CHARS)
            texts = (one.when, one.run_id, one.value, change, str(one.repetitions), status, one.commit)
            style = "" if one.status == "ok" else BAD
            grid.add_row(*(Text(printable(text), style) for text in (*texts, ", ".join(one.tags))))
        since = self._cell.change.run_id if self._cell.change else ""
        began = next((at for at, one in enumerate(sessions) if one.run_id == since), 0)
        self._below = self._of_change()
        grid.move_cursor(row=began, animate=False, scroll=False)
        # With sessions on both sides of the change in sight; before the rows are laid out there is nothing to scroll.
        self.call_after_refresh(grid.scroll_to, y=max(began - 2, 0), animate=False)

    def on_resize(self) -> None:
        """Draw for the width there is."""
        self.set_class(self.size.height >= 40, "wide")
        if self._detail is not None:
            view = detail_view(self._detail, max(self.size.width - 2, 40), self._which())
            self.query_one("#body", Static).update(view)

    def _of_change(self) -> BoardCell:
        """Return the cell with the first run at the new level, beside the last before it; of no change as it is."""
        since = self._cell.change.run_id if self._cell.change else ""
        row = next((at for at, one in enumerate(self._sessions) if one.run_id == since), None)
        if row is None:
            return self._cell
        at, before = self._sessions[row], next((one for one in self._sessions[row + 1 :] if one.status == "ok"), None)
        found = replace(self._cell, run_id=at.run_id, place=at.place)
        return found if before is None else replace(found, baseline_run_id=before.run_id, baseline_place=before.place)

    def _which(self) -> str:
        """Which run is below, where there is a choice."""
        if self._cell.change is None:
            return ""
        of_change, newest = "the first at the new level", "the newest"
        return f"{newest}; n: {of_change}" if self._below is self._cell else f"{of_change}; n: {newest} run"

    def _session(self) -> Session | None:
        row = self.query_one(DataTable).cursor_row
        return self._sessions[row] if row < len(self._sessions) else None

    @on(DataTable.RowSelected)
    def opened(self) -> None:
        """Show the session's run as `lab show` does."""
        self.action_open()

    def action_open(self) -> None:
        """Show the session under the cursor."""
        one = self._session()
        if one is not None:
            self.app.push_screen(run_page(self.lab.source, self._key, one.run_id, one.place))

    def action_newest(self) -> None:
        """Show the newest run below, or again the first at the new level."""
        if self._cell.change is None:
            self.lab.say("this is the newest run: the place is about no change")
            return
        self._below = self._of_change() if self._below is self._cell else self._cell
        start(self, self._read, exclusive=True)

    def action_mark(self) -> None:
        """Mark the session's run."""
        one = self._session()
        if one is not None:
            self.lab.mark(self._key, one.run_id, one.place)

    def action_acknowledge(self) -> None:
        """Accept what got worse in the cell, first of all what the session under the cursor brought."""
        one = self._session()
        if one is not None:
            self.ask_acknowledge(self._cell, one.run_id)

    def action_other(self) -> None:
        """Go from the sessions to the page below, and back."""
        page = self.query_one("#page")
        (self.query_one(DataTable) if page.has_focus else page).focus()
