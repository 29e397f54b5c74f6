"""`run_app`: the dashboards as an application over snapshots of the store."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import ClassVar, TypeVar

from rich.terminal_theme import TerminalTheme
from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import Monochrome, NoColor

from lab.analysis.history.regression import Regression
from lab.analysis.points.key import CellKey
from lab.core.ascii import needs_ascii
from lab.core.errors import LabError
from lab.core.home import shown
from lab.core.text import printable
from lab.views.bug_report import keep_traceback
from lab.views.tui.background import Background, has_hung_up, in_background, start
from lab.views.tui.board_screen import BoardScreen
from lab.views.tui.host import Host, Marked
from lab.views.tui.sanitise import Harmless, PlainText
from lab.views.tui.screen import LabScreen
from lab.views.tui.source import Boards, Snapshot, Source

Found = TypeVar("Found")
THEMES = ("ansi-dark", "textual-dark", "textual-light")  # the terminal's own colours first
# The sixteen colours on a light ground: yellow and cyan as they are in a terminal cannot be read there.
LIGHT = TerminalTheme(
    (250, 250, 250),
    (30, 30, 30),
    [(0, 0, 0), (176, 0, 0), (0, 104, 32), (128, 88, 0), (0, 64, 176), (128, 0, 128), (0, 96, 112), (96, 96, 96)],
    [(64, 64, 64), (176, 0, 0), (0, 104, 32), (128, 88, 0), (0, 64, 176), (128, 0, 128), (0, 96, 112), (0, 0, 0)],
)
LOOK_S = 1.5  # between two looks at the store, or as long as it takes to look twenty times
SHARE = 20
COUNT_S = 0.5  # between two looks at how far the first reading has come
HANGUP_S = 1.0  # between two looks at whether the terminal is still there
INTERRUPTED = 130
SWITCH_S = 0.001  # judging is much arithmetic in Python; the screen has its turn five times as often as by default


class LabApp(App[int]):
    """Holds the newest snapshot, looks for runs that land, and keeps what is marked."""

    CSS_PATH = "style.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "quit", priority=True, show=False)]

    def __init__(self, name: str, source: Source, loading: Background | None = None, follow: bool = True) -> None:
        super().__init__(ansi_color=None)
        self.source, self.boards = source, Boards(source)
        self.snapshot: Snapshot | None = None
        self.marked: list[Marked] = []
        self.theme = THEMES[0]
        self.animation_level = "none"  # tables scroll by whole columns, and over slow lines each step is a screen
        self._first_board, self._loading, self._follows = name, loading, follow
        self._counted = False  # whether the first reading was so long that it was counted
        self.crash: Exception | None = None
        self._bugs: dict[str, str] = {}  # what went wrong -> where its traceback is
        self.ansi_theme_light = LIGHT
        self._without_colours(bool(os.environ.get("NO_COLOR")))
        self._filters.insert(0, Harmless())
        if needs_ascii(sys.__stderr__ or sys.stderr):
            self._filters.append(PlainText())

    def _without_colours(self, wanted: bool) -> None:
        """Leave colours out if wanted. Textual would make greys of them, which in its own theme are black on black."""
        self._filters = [one for one in self._filters if not isinstance(one, Monochrome | NoColor)]
        self._filters += [NoColor()] * wanted
        self.no_color = wanted

    def get_default_screen(self) -> BoardScreen:
        """The dashboard that was asked for."""
        return BoardScreen(self._first_board)

    @property
    def main(self) -> BoardScreen:
        """The dashboard, wherever the reader is."""
        screen = self.screen_stack[0]
        assert isinstance(screen, BoardScreen)
        return screen

    async def on_mount(self) -> None:
        """Begin to read, and to follow."""
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):  # not in the main thread: a test
            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, self.exit, INTERRUPTED)
        if not self.is_headless:
            self.set_interval(HANGUP_S, self._leave_if_alone)
        start(self, self._first, group="store")

    def _leave_if_alone(self) -> None:
        """Leave when the terminal is gone: no signal may say so, and reading its end would keep a core busy."""
        if has_hung_up(sys.__stdin__):
            self.exit(INTERRUPTED)

    async def _first(self) -> None:
        with self.telling():
            loading = self._loading or Background(self.source.load)
            counting = self.set_interval(COUNT_S, self._say_count)
            try:
                found = await loading.wait()
            except Exception:
                self.main.unread()
                raise
            finally:
                counting.stop()
            assert isinstance(found, Snapshot)
            if self._counted:
                self.say(f"read {found.runs} runs")
            self._take(found)
        if self._follows:
            await self._follow()

    def _say_count(self) -> None:
        if words := self.source.count.words:
            self._counted = True
            self.say(words)

    async def _follow(self) -> None:
        loop, pause_s = asyncio.get_running_loop(), LOOK_S
        while True:
            await asyncio.sleep(pause_s)
            began = loop.time()
            await self.look()
            pause_s = max(LOOK_S, SHARE * (loop.time() - began))

    async def look(self) -> None:
        """Read the store again if it is not what it was."""
        with self.telling():
            stamp = await in_background(self.source.look)
            if self.snapshot is None or stamp != self.snapshot.stamp:
                self._take(await in_background(self.source.load))

    def reload(self) -> None:
        """Read the store again."""

        async def read() -> None:
            with self.telling():
                self._take(await in_background(self.source.load))
                self.say("read again")

        start(self, read, exclusive=True, group="reload")

    def _take(self, found: Snapshot) -> None:
        """Put the new snapshot in the old one's place, and let the dashboard follow."""
        before, self.snapshot = self.snapshot, found
        self.boards.forget()
        if before is not None:
            fresh = {place for place, _ in found.stamp} - {place for place, _ in before.stamp}
            self.main.landed += len(fresh)
        self.main.refresh_board()

    async def beside(self, work: Callable[[], Found]) -> Found:
        """Return what the work returns; the screen stays alive meanwhile."""
        return await in_background(work)

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Turn an error into a message: a traceback helps nobody on a screen, so that of a bug is kept in a file."""
        try:
            yield
        except LabError as problem:
            self.say("; ".join(part for part in (problem.what, problem.hint) if part))
        except Exception as problem:
            self.say(f"this went wrong: {self._bug(problem)}")

    def _bug(self, problem: Exception) -> str:
        """Name the bug and the file with its traceback: one file for one that comes back with every look."""
        name = f"{type(problem).__name__}: {printable(problem, 200)}"
        if name not in self._bugs:
            self._bugs[name] = keep_traceback(problem)
        return f"{name}. {self._bugs[name]}"

    def say(self, text: str) -> None:
        """Show a message on whatever screen is in front."""
        screen = next((one for one in reversed(self.screen_stack) if isinstance(one, LabScreen)), None)
        if screen is not None:
            screen.tell(text)

    def mark(self, key: CellKey, run_id: str, place: str) -> None:
        """Mark the run, or take its mark away; of three the oldest mark goes."""
        kept = [one for one in self.marked if one[1] != run_id]
        self.marked = kept if len(kept) < len(self.marked) else [*kept, (key, run_id, place)][-2:]
        self.say("marked: " + (" and ".join(one[1] for one in self.marked) or "none"))

    def compare_marked(self) -> None:
        """Show the marked runs side by side."""
        from lab.views.tui.page_screen import compare_page

        if len(self.marked) == 2:
            self.push_screen(compare_page(self.source, *self.marked))
        else:
            self.say(f"mark two runs with Space first: {len(self.marked)} marked")

    def accept(self, change: Regression, reason: str) -> None:
        """Accept the new level, and say where that is written."""

        async def accept() -> None:
            with self.telling():
                path = await in_background(lambda: self.source.accept(change, reason))
                self.boards.forget()
                self.say(f"accepted; written to {shown(path)}")
                self.main.refresh_board()

        start(self, accept, group="accept")

    def next_theme(self) -> None:
        """Next colours."""
        at = THEMES.index(self.theme) if self.theme in THEMES else -1
        self.theme = THEMES[(at + 1) % len(THEMES)]

    async def action_quit(self) -> None:
        """Leave."""
        self.exit(0)

    def _handle_exception(self, error: Exception) -> None:
        """Leave the screen first: what is a bug is reported by the command line, on a terminal as it was."""
        self.crash = self.crash or error
        if self.is_headless:
            super()._handle_exception(error)
        else:
            self._close_messages_no_wait()


_AS_SEEN_BY_SCREENS: type[Host] = LabApp  # for mypy: it has all that they ask for


def run_app(name: str, target: str | None = None, model: str | None = None) -> int:
    """Show the dashboard until the reader leaves, and return the exit code.

    Raises:
        ConfigError: there is no such dashboard, or its file has a mistake.
    """
    source = Source(target, model)
    source.spec(name)
    sys.setswitchinterval(SWITCH_S)
    app = LabApp(name, source, Background(source.load))
    code = app.run()
    if app.crash is not None:
        raise app.crash
    return code or 0
