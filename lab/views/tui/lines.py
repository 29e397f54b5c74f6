"""The lines around what a screen shows, and what it says where there is nothing to show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.text import Text
from textual import events
from textual.widget import Widget
from textual.widgets import Static

from lab.analysis.boards.board import Board
from lab.analysis.boards.cell_text import cut
from lab.analysis.history.change_points import MIN_POINTS
from lab.core.home import lab_home
from lab.core.text import printable
from lab.formats.dashboard import DashboardSpec
from lab.store import BadRun
from lab.views.tui.keys import foot
from lab.views.tui.source import Snapshot

TALL = 30  # lines of a terminal, from which on damaged profiles are named
NAMED = 3  # damaged profiles that are named; `lab store check` names them all
FIRST = """\
No runs are recorded yet in {home}.

What to do first:

  lab models                                     what can be measured
  lab targets                                    where
  lab run --target local --model phi3-mini-q4    measure it, here

This page follows: the first run appears when it has landed.
Another store is chosen with LAB_HOME or LAB_STORE."""
UNREAD = Text("The store cannot be read; the line below says why.\n\nr tries again, q leaves.")


class Line(Static):
    """One line of plain text, cut at the edge."""

    def __init__(self, **named: Any) -> None:
        super().__init__("", markup=False, **named)

    def say(self, text: str | Text) -> None:
        """Show the text; strings are shown as they are, without control characters."""
        self.update(text if isinstance(text, Text) else Text(printable(text), no_wrap=True, overflow="ellipsis"))


def fitting(parts: Iterable[tuple[str, str]], width: int) -> Text:
    """Return styled parts with dots between them. What does not fit is left out whole: half a count is misread."""
    kept = list(parts)
    while len(kept) > 1 and sum(len(text) + 3 for _, text in kept) - 3 > width:
        kept.pop()
    line = Text(" · ").join(Text(printable(text), style) for style, text in kept)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


class Tabs(Widget):
    """The dashboards by number, the shown one marked. A click chooses."""

    def __init__(self) -> None:
        super().__init__(id="tabs")
        self.names: tuple[str, ...] = ()
        self.current = ""

    def show(self, names: tuple[str, ...], current: str) -> None:
        """Draw them."""
        self.names, self.current = names, current
        self.refresh()

    def _spans(self) -> list[tuple[int, int, str]]:
        spans, at = [], 0
        for number, name in enumerate(self.names, 1):
            width = len(f" {number} {name} ")
            spans.append((at, at + width, name))
            at += width
        return spans

    def render(self) -> Text:
        """One line."""
        line = Text(no_wrap=True, overflow="ellipsis")
        for number, name in enumerate(self.names, 1):
            line.append(f" {number} {printable(name)} ", "bold reverse" if name == self.current else "")
        return line

    def on_click(self, event: events.Click) -> None:
        """Show the dashboard that was clicked."""
        name = next((name for start, stop, name in self._spans() if start <= event.x < stop), None)
        if name is not None:
            self.app.screen.show_dashboard(name)  # type: ignore[attr-defined]


class Foot(Widget):
    """The keys of a screen, as many as fit whole. A click presses one."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(id="foot")
        self._names = names

    def render(self) -> Text:
        """One line."""
        line = Text(no_wrap=True)
        for number, key in enumerate(foot(self._names, self.size.width)):
            line.append("  " if number else "")
            line.append(key.shown, "bold")
            line.append(f" {key.word}")
        return line

    async def on_click(self, event: events.Click) -> None:
        """Do what the key does that was clicked."""
        at = 0
        for key in foot(self._names, self.size.width):
            width = len(key.shown) + len(key.word) + 1
            if at <= event.x < at + width:
                await self.screen.run_action(f"screen.{key.action}")
            at += width + 2


def empty_words(
    snapshot: Snapshot | None, board: Board | None, spec: DashboardSpec | None, text: str, rows: int, pending: str = ""
) -> Text | None:
    """Return what to say instead of the table; None when the table has something to say.

    While the board is not judged yet, `pending` says what is being done: then nobody knows whether there is nothing.
    """
    if snapshot is None:
        return Text("reading the store …")
    if not snapshot.runs:
        home = lab_home()
        return Text(FIRST.format(home=f"{printable(home)}{'' if home.is_dir() else ', which does not exist'}"))
    if board is None or spec is None:
        return Text("making the dashboard …")
    if not board.rows and pending:
        return Text(f"{pending[0].upper()}{pending[1:]}.\n\nWhat changed is not known yet.")
    if not board.rows:
        return Text(f"Nothing to show on this dashboard: {_why(board, spec)}\n\nd shows the next one.")
    if not rows:
        return Text(f"Nothing on this dashboard has all of: {printable(text)}\n\nEsc clears the filter.")
    return None


def too_small(width: int, height: int) -> Text:
    """Return what to say where no row has room."""
    return Text(f"lab dash needs 40x10, this terminal has {width}x{height}. `lab dash --once` prints it.")


def _why(board: Board, spec: DashboardSpec) -> str:
    if spec.about != "changes":
        return "its filters let nothing through."
    if not board.judged_series:
        return f"no series has {MIN_POINTS} sessions yet, and changes are looked for from there on."
    return f"no change was found in {board.judged_series} series."


def damaged_words(bad: Sequence[BadRun], width: int, height: int) -> Text | None:
    """Return the names of profiles that cannot be believed, each with its reason on a line, where there is room."""
    if not bad:
        return None
    named = bad[:NAMED] if height >= TALL else ()
    lines = [cut(printable(f"{one.path.name}: {one.why}"), width) for one in named]
    more = len(bad) - len(lines)
    head = f"{len(bad)} damaged, not shown; lab store check names them all" if more else "damaged, not shown:"
    # As a span: the style of a whole text is read by Textual, whose red is none of the terminal's sixteen.
    return Text.assemble(("\n".join([head, *lines]), "red"), no_wrap=True, overflow="ellipsis")
