"""The main screen: one dashboard, always from the newest snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Input

from lab.analysis.boards.board import Board
from lab.analysis.boards.cell_text import plain_word
from lab.core.text import printable
from lab.core.units import counted
from lab.formats.dashboard import DashboardSpec
from lab.formats.metrics import METRICS
from lab.views.tui.background import start
from lab.views.tui.cells import WIDE, common_note, place_words
from lab.views.tui.filter_sort import Wanted, next_order, order_text, shown
from lab.views.tui.grid import Grid
from lab.views.tui.host import Host
from lab.views.tui.keys import BOARD, FOOT
from lab.views.tui.lines import UNREAD, Foot, Line, Tabs, damaged_words, empty_words, fitting, too_small
from lab.views.tui.screen import LabScreen
from lab.views.tui.source import Snapshot

LEAST = (40, 10)  # columns and lines, with which there are rows
TALL_ENOUGH = 18  # lines, from which on there is room for what is known of the cell under the cursor
COUNT_S = 0.5  # between two looks at how far the search for changes has come


class BoardScreen(LabScreen):
    """The dashboard `name`. Boards are made beside the screen: first without verdicts, then with them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key.key, key.action, key.word) for key in BOARD if key.key not in ("enter", "n")),
        *(Binding(str(number), f"choose({number})", show=False) for number in range(1, 10)),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self.board_name = name
        self.metric: str | None = None
        self.wanted = Wanted()
        self.board: Board | None = None
        self.spec: DashboardSpec | None = None
        self.judging = False
        self.making = 0  # which making of the board is the newest
        self.landed = 0  # runs that are new since the reader last pressed a key
        self.failed = False  # the store could not be read, not even once

    def compose(self) -> ComposeResult:
        """Build the widgets."""
        yield Line(id="head")
        yield Tabs()
        yield Line(id="what")
        yield Input(placeholder="words that must all match", id="filter")
        yield Line(id="empty")
        yield Grid()
        yield Line(id="damaged")
        yield Line(id="place")
        yield Line(id="say")
        yield Foot(FOOT)

    def on_mount(self) -> None:
        """Show what there is already."""
        self.query_one(Grid).focus()
        self.refresh_board()
        self.set_interval(COUNT_S, self._count)

    def _count(self) -> None:
        """Say how far the search for changes has come."""
        if self.judging:
            self._lines()

    # ---- from snapshot to screen

    def refresh_board(self) -> None:
        """Make the board again, of the newest snapshot; an older making of it that still runs is given up."""
        self.making += 1
        start(self, self._make, exclusive=True, group="board")

    async def _make(self) -> None:
        app, snapshot = self.lab, self.lab.snapshot
        if snapshot is None:
            self._lines()
            return
        with app.telling():
            names = await app.beside(app.source.dashboards)
            self.query_one(Tabs).show(names, self.board_name)
            name, metric = self.board_name, self.metric
            spec = await app.beside(lambda: app.source.spec(name, metric))
            if self.board is None or self.spec != spec:
                await self._show(snapshot, spec, judged=False)
            await self._show(snapshot, spec, judged=True)

    async def _show(self, snapshot: Snapshot, spec: DashboardSpec, judged: bool) -> None:
        boards, making = self.lab.boards, self.making
        board = await self.lab.beside(lambda: boards.board(snapshot, spec, judged, lambda: making == self.making))
        if board is not None:
            self.board, self.spec, self.judging = board, spec, not judged
            self.redraw()

    def unread(self) -> None:
        """The store cannot be read; the message says why."""
        self.failed = True
        if self.query("#head"):
            self._lines()

    def redraw(self) -> None:
        """Draw the board as it is, through filter and order."""
        board, spec = self.board, self.spec
        if board is not None and spec is not None:
            left = shown(board, self.wanted, spec.is_matrix)
            self.query_one(Grid).show(board, left, spec.is_matrix, self.size.width)
        self._lines()

    def _lines(self) -> None:
        app, snapshot = self.lab, self.lab.snapshot
        self.query_one("#head", Line).update(head_words(app, self))
        self.scrolled()
        grid = self.query_one(Grid)
        failed = UNREAD if self.failed and snapshot is None else None
        if self.has_class("tiny"):
            failed = too_small(*self.size)
        pending = self._pending() if self.judging else ""
        empty = failed or empty_words(snapshot, self.board, self.spec, self.wanted.text, grid.row_count, pending)
        self.query_one("#empty", Line).update(empty or "")
        self.query_one("#empty").set_class(empty is not None, "shown")
        self.query_one(Grid).set_class(empty is not None, "gone")
        damaged = damaged_words(snapshot.bad if snapshot else (), *self.size)
        self.query_one("#damaged", Line).update(damaged or "")
        self.query_one("#damaged").set_class(damaged is not None, "shown")
        self._place()

    def _what(self) -> Iterator[str]:
        """What is shown, and how: what is least known of first, since what does not fit is left out."""
        board, spec, wanted = self.board, self.spec, self.wanted
        if spec is None or board is None:
            return
        if self.judging:
            yield self._pending()
        if wanted.sort != "dashboard" or wanted.reverse:
            yield f"sorted {order_text(board, wanted)}{', reversed' if wanted.reverse else ''}"
        if wanted.text:
            yield f"filter: {wanted.text}"
        first, last, count = self.query_one(Grid).in_sight
        if board.rows and last - first + 1 < count:
            which = f"column {first}" if first == last else f"columns {first}-{last}"
            yield f"{which} of {count} {'←' * (first > 1)}{'→' * (last < count)}"
        titles = [METRICS[name].title for name in spec.metrics]
        yield titles[0] + (f" and {len(titles) - 1} more" if len(titles) > 1 else "")
        if note := common_note(board):
            yield f"{note} unless a cell names another"
        if board.baseline and not self.judging:
            yield f"compared with {board.baseline}"

    def _pending(self) -> str:
        return self.lab.source.count.words or "looking for changes in the histories …"

    def _place(self) -> None:
        grid = self.query_one(Grid)
        row, cell = grid.row, grid.cell
        words = Text("")
        if self.board and row and cell:
            words = place_words(self.board, row, cell, judging=self.judging)
        words.no_wrap, words.overflow = True, "ellipsis"
        name, *facts = words.split("\n")
        name.truncate(max(self.size.width - 1, 1), overflow="ellipsis")  # on two lines it would push out the last one
        self.query_one("#place", Line).update(Text("\n").join([name, *facts]))

    # ---- keys

    @on(Grid.Scrolled)
    def scrolled(self) -> None:
        """Say which columns are in sight."""
        self.query_one("#what", Line).update(fitting((("", part) for part in self._what()), self.size.width))

    @on(DataTable.CellHighlighted)
    @on(DataTable.RowHighlighted)
    def moved(self) -> None:
        """Say what is under the cursor now."""
        self._place()

    @on(DataTable.CellSelected)
    @on(DataTable.RowSelected)
    def opened(self) -> None:
        """Enter, or a click on the cursor."""
        self.action_open()

    def action_open(self) -> None:
        """Open the cell under the cursor."""
        from lab.views.tui.detail_screen import DetailScreen

        cell = self.query_one(Grid).cell
        if cell is None or cell.key is None:
            self.lab.say("nothing was measured here")
        else:
            self.app.push_screen(DetailScreen(cell))

    def action_filter(self) -> None:
        """Let the reader type a filter."""
        field = self.query_one("#filter", Input)
        field.add_class("shown")
        field.focus()

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Filter with every letter."""
        self.wanted = replace(self.wanted, text=event.value)
        self.redraw()

    @on(Input.Submitted)
    def entered(self) -> None:
        """Keep the filter and go back to the table."""
        self.query_one("#filter").remove_class("shown")
        self.query_one(Grid).focus()

    def action_back(self) -> None:
        """Clear the filter."""
        self.query_one("#filter", Input).value = ""
        self.entered()

    def action_sort(self) -> None:
        """Next order."""
        if self.board is not None:
            self.wanted = next_order(self.board, self.wanted, self.query_one(Grid).fact)
            self.redraw()

    @on(DataTable.HeaderSelected)
    def sort_by_heading(self, event: DataTable.HeaderSelected) -> None:
        """A click on a heading: sort by its column; once more turns it round."""
        fact = self.query_one(Grid).columns_shown[event.column_index].fact
        again = self.wanted.sort == "column" and self.wanted.column == fact
        self.wanted = replace(self.wanted, sort="column", column=fact, reverse=again and not self.wanted.reverse)
        self.redraw()

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.wanted = replace(self.wanted, reverse=not self.wanted.reverse)
        self.redraw()

    def action_metric(self) -> None:
        """Next metric of the dashboard alone, in the end all of them."""
        with self.lab.telling():
            cycle: list[str | None] = [None, *self.lab.source.spec(self.board_name).metrics]
            self.metric = cycle[(cycle.index(self.metric) + 1) % len(cycle)]
            self.refresh_board()

    def action_next_board(self) -> None:
        """Next dashboard."""
        names = self.query_one(Tabs).names
        if names:
            at = names.index(self.board_name) if self.board_name in names else -1
            self.show_dashboard(names[(at + 1) % len(names)])

    def action_regressions(self) -> None:
        """The dashboard that lists changes: open regressions stand first on it."""
        with self.lab.telling():
            name = self.lab.source.changes_board()
            if name is None:
                self.lab.say("no dashboard here lists changes; `lab regressions` does")
            elif name != self.board_name:
                self.show_dashboard(name)

    def action_choose(self, number: int) -> None:
        """The dashboard of that number."""
        names = self.query_one(Tabs).names
        if number <= len(names):
            self.show_dashboard(names[number - 1])

    def show_dashboard(self, name: str) -> None:
        """Show another dashboard."""
        self.board_name, self.metric, self.board, self.spec = name, None, None, None
        self.wanted = replace(self.wanted, sort="dashboard", column="", reverse=False)
        self.refresh_board()

    def action_mark(self) -> None:
        """Mark the newest run under the cursor."""
        cell = self.query_one(Grid).cell
        if cell is not None and cell.key is not None:
            self.lab.mark(cell.key, cell.run_id, cell.place)
            self._lines()
        else:
            self.lab.say("nothing was measured here")

    def action_acknowledge(self) -> None:
        """Accept the level under the cursor."""
        cell = self.query_one(Grid).cell
        if cell is not None and cell.key is not None:
            self.ask_acknowledge(cell, cell.change.run_id if cell.change else cell.run_id)
        else:
            self.lab.say("nothing was measured here")

    def on_key(self) -> None:
        """Whoever presses a key has seen what is new."""
        if self.landed:
            self.landed = 0
            self._lines()

    def on_resize(self) -> None:
        """Draw for the new width."""
        width, height = self.size
        self.set_class(height < TALL_ENOUGH, "short")
        self.set_class(width < WIDE and height >= TALL_ENOUGH, "narrow")  # a reason takes two lines there
        self.set_class(width < LEAST[0] or height < LEAST[1], "tiny")
        self.redraw()


def head_words(app: Host, screen: BoardScreen) -> Text:
    """The head: the dashboard, what got worse, how many runs there are, what is damaged, new, marked."""
    return fitting(_head_parts(app, screen), screen.size.width)


def _head_parts(app: Host, screen: BoardScreen) -> Iterator[tuple[str, str]]:
    board, snapshot = screen.board, app.snapshot
    yield "", f"lab · {printable(board.title) if board else screen.board_name}"
    if snapshot is None:
        yield "", "the store cannot be read" if screen.failed else "reading the store …"
        return
    if board is not None and board.open_regressions:
        yield "bold red", f"{counted(board.open_regressions, 'open regression')}: g"
    if screen.landed:
        yield "bold green", counted(screen.landed, "new run")
    if app.marked:
        yield "bold", "marked " + " and ".join(one[1] for one in app.marked)
    yield "", counted(snapshot.runs, "run")
    if snapshot.bad:
        yield "bold red", f"{len(snapshot.bad)} damaged"
    if board is not None and not screen.judging:
        if board.open_regressions == 0 and board.judged_series:
            yield "", "no open regression"
        yield from (("", f"{count} {plain_word(word)}") for word, count in board.counts.items())
