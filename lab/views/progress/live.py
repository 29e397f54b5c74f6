"""Progress in a terminal: one moving line for each open phase, a still one for each finished."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TextIO

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.text import Text

from lab.core.progress import Advance
from lab.core.terminal import LINE_CHARS
from lab.core.text import clipped
from lab.core.units import human_seconds
from lab.views.console import live_console
from lab.views.progress.time_left import time_left
from lab.views.units import amount

# A redraw costs a millisecond or two of one core, and this line is on screen while tokens are timed.
REDRAWS_PER_S = 1
SHORT_S = 2.0  # nobody needs to be told how long less than that took


class LiveProgress:
    """A context manager: the terminal is given back on every way out."""

    def __init__(self, stream: TextIO) -> None:
        self._console = live_console(stream)
        columns = (
            SpinnerColumn("line"),
            TextColumn("{task.description}", markup=False),
            BarColumn(24),
            _Done(),
            TimeElapsedColumn(),
            _Left(),
        )
        self._bars = _Bars(*columns, console=self._console, transient=True, refresh_per_second=REDRAWS_PER_S)

    def __enter__(self) -> LiveProgress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
        self._bars.console.print()  # what is printed next is the answer

    @contextmanager
    def phase(self, name: str, total: float | None = None, unit: str = "") -> Iterator[Advance]:
        """Show a phase; without `total` it only shows that time passes."""
        began = time.monotonic()
        task = self._bars.add_task(clipped(name), total=total, unit=unit)
        word, style = "stopped", "yellow"

        def advance(done: float) -> None:
            self._bars.update(task, advance=done, took_s=time.monotonic() - began)

        try:
            yield advance
            word, style = "done", "green"
        finally:
            self._bars.remove_task(task)
            self._bars.now_at("")
            took = (human_seconds(time.monotonic() - began), "dim")
            ending = Text.assemble((f"{word:<8}", style), f"{clipped(name)}  ", took)
            self._bars.console.print(ending)

    def note(self, text: str) -> None:
        """Print one line above the moving ones."""
        self._bars.console.print(Text(clipped(text, LINE_CHARS)))

    def now(self, text: str) -> None:
        """Show the text below the moving lines, and for how long; it is drawn when they are."""
        self._bars.now_at(clipped(text, LINE_CHARS))


class _Bars(Progress):
    """The moving lines, and below them what it is at."""

    _now, _since = "", 0.0

    def now_at(self, text: str) -> None:
        """Say what it is at."""
        if text != self._now:
            self._now, self._since = text, time.monotonic()

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield both; no line wraps, since what moves has to stay where it is."""
        yield self.make_tasks_table(self.tasks)
        if self._now:
            passed_s = time.monotonic() - self._since
            so_far = f"{passed_s:.0f} s so far: " if passed_s >= SHORT_S else ""  # before what may be cut at the edge
            yield Text(f"  {so_far}{self._now}", "dim", no_wrap=True, overflow="ellipsis")


class _Left(TextColumn):
    """How long the rest of it takes."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        """Return `about 40 s left` or nothing."""
        took_s = float(task.fields.get("took_s", 0.0))
        return Text(time_left(task.completed, task.total, took_s, task.elapsed or 0.0))


class _Done(TextColumn):
    """How much of the total is done, in the phase's own unit."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        """Return `1.2 of 2.0 GiB`, `37 of 160 tokens` or nothing."""
        if not task.total:
            return Text("")
        return Text(amount(task.completed, task.total, str(task.fields.get("unit", ""))))
