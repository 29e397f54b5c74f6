"""What a screen says where there is nothing to show, or something that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from lab.analysis.boards.board import Board
from lab.analysis.boards.cell_text import cut
from lab.core.home import lab_home, shown
from lab.core.text import printable
from lab.store import BadRun
from lab.views.tui.source import Snapshot

TALL = 30  # lines of a terminal, from which on damaged profiles are named
NAMED = 3  # damaged profiles that are named; `lab store check` names them all

FIRST = """\
No runs are recorded in {home} yet.

What to do first:

  lab models                                     what can be measured
  lab targets                                    where
  lab run --target local --model phi3-mini-q4    measure it, here

This page follows: the first run appears when it has landed.
Another store is chosen with LAB_HOME or LAB_STORE."""

UNREAD = Text("The store cannot be read; the line below says why.\n\nr tries again, q leaves.")


def empty_words(snapshot: Snapshot | None, board: Board | None, text: str, rows: int) -> Text | None:
    """Return what to say instead of the table; None when the table has something to say."""
    if snapshot is None:
        return Text("reading the store …")
    if not snapshot.runs:
        return Text(FIRST.format(home=printable(shown(lab_home()))))
    if board is None:
        return Text("making the dashboard …")
    if not board.rows:
        return Text(f"Nothing to show on this dashboard: {_why(board)}\n\nd shows the next one.")
    if not rows:
        return Text(f"Nothing on this dashboard has all of: {printable(text)}\n\nEsc clears the filter.")
    return None


def _reason(one: BadRun) -> str:
    """The reason without the name of the file, which stands before it already."""
    return one.reason.rpartition(f"{one.path.name}: ")[2]


def _why(board: Board) -> str:
    return "no level has changed." if "Commits" in board.column_titles else "its filters let nothing through."


def damaged_words(bad: Sequence[BadRun], width: int, height: int) -> Text | None:
    """Return the names of profiles that cannot be believed, each with its reason on a line, where there is room."""
    if not bad:
        return None
    named = bad[:NAMED] if height >= TALL else ()
    lines = [cut(printable(f"{one.path.name}: {_reason(one)}"), width) for one in named]
    more = len(bad) - len(lines)
    head = f"{len(bad)} damaged, not shown; lab store check names them all" if more else "damaged, not shown:"
    return Text("\n".join([head, *lines]), "red", no_wrap=True, overflow="ellipsis")
