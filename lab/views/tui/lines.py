"""The single lines above and below what a screen shows."""

from __future__ import annotations

from typing import Any

from rich.text import Text
from textual import events
from textual.widget import Widget
from textual.widgets import Static

from lab.core.text import printable
from lab.views.tui.keys import foot


class Line(Static):
    """One line of plain text, cut at the edge."""

    def __init__(self, **named: Any) -> None:
        super().__init__("", markup=False, **named)

    def say(self, text: str | Text) -> None:
        """Show the text; strings are shown as they are, without control characters."""
        self.update(text if isinstance(text, Text) else Text(printable(text), no_wrap=True, overflow="ellipsis"))


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
