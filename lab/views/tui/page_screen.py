"""A page to read: one run as `lab show` prints it, or two runs side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from lab.analysis.points.key import CellKey
from lab.core.text import printable
from lab.views.table import CAUTION, spaced
from lab.views.tui.background import start
from lab.views.tui.keys import PAGE
from lab.views.tui.lines import Foot, Line
from lab.views.tui.screen import LabScreen
from lab.views.tui.source import Source

EMULATED = "Both runs are of emulated devices: what differs here need not differ on real ones."
Draw = Callable[[int], RenderableType]  # from a width to the page


class PageScreen(LabScreen):
    """A title and a page that scrolls; what it is made from is read beside the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "back"),
        Binding("q", "quit", "quit"),
        Binding("question_mark", "help", "help"),
        Binding("t", "theme", "theme"),
    ]

    def __init__(self, title: str, read: Callable[[], Draw]) -> None:
        super().__init__()
        self._title, self._read = title, read
        self._draw: Draw | None = None

    def compose(self) -> ComposeResult:
        """Build the widgets."""
        yield Line(id="head")
        with VerticalScroll(id="page"):
            yield Static(Text("reading …"), id="body", markup=False)
        yield Line(id="say")
        yield Foot(PAGE)

    def on_mount(self) -> None:
        """Begin to read."""
        self.query_one("#head", Line).say(self._title)
        self.query_one("#page").focus()
        start(self, self._fill, exclusive=True)

    async def _fill(self) -> None:
        with self.lab.telling():
            self._draw = await self.lab.beside(self._read)
            self.on_resize()

    def on_resize(self) -> None:
        """Draw for the width there is."""
        if self._draw is not None:
            self.query_one("#body", Static).update(self._draw(max(self.size.width - 2, 40)))


def run_page(source: Source, key: CellKey, run_id: str, place: str) -> PageScreen:
    """Return the page of one run."""

    def read() -> Draw:
        from lab.views.runs.raw_page import show_page

        record = source.record(key, run_id, place)
        return lambda width: show_page(record, width)

    return PageScreen(f"run {printable(run_id)}", read)


def compare_page(source: Source, a: tuple[CellKey, str, str], b: tuple[CellKey, str, str]) -> PageScreen:
    """Return the page of two runs side by side, the older one as the baseline."""
    first, second = sorted((a, b), key=lambda one: one[1])

    def read() -> Draw:
        from lab.analysis.compare.runs import compare_runs
        from lab.analysis.judging.judge import Policy
        from lab.formats.calibration import load_floors
        from lab.views.compare.page import axis_table

        old, new = source.record(*first), source.record(*second)
        emulated = old.device.emulated and new.device.emulated
        found = compare_runs(old, new, Policy(floors=load_floors(), emulated=emulated))
        said = [Text(EMULATED, CAUTION)] if emulated else []
        return lambda width: spaced([*said, axis_table(found, width)])

    return PageScreen(f"{printable(first[1])} and {printable(second[1])}", read)
