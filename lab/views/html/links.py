"""Where things that a page names have pages of their own; what has none stays text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.analysis.boards.lines import Line
from lab.views.html.escape import attribute, text

COMMIT = 12  # digits that are shown


@dataclass(frozen=True, kw_only=True)
class Links:
    """Pages by what they are of: `series` by the line of a place, `runs` by id, `boards` by name.

    `commits` are addresses elsewhere.

    `up` leads from the page to the folder of the first one: "" or "../".
    """

    up: str = ""
    series: Mapping[Line, str] = field(default_factory=dict)
    runs: Mapping[str, str] = field(default_factory=dict)
    boards: Mapping[str, str] = field(default_factory=dict)
    commits: Mapping[str, str] = field(default_factory=dict)

    def run_address(self, run_id: str) -> str:
        """Return where the run's page is, "" where it has none."""
        return self.up + self.runs[run_id] if run_id in self.runs else ""

    def run(self, run_id: str) -> str:
        """Return the id, as a link where the run has a page."""
        return _link(self.run_address(run_id), text(run_id))

    def page(self, board: str, shown: str) -> str:
        """Return `shown`, which is escaped already, as a link where the dashboard has a page."""
        return _link(self.up + self.boards[board] if board in self.boards else "", shown)

    def place(self, line: Line, shown: str) -> str:
        """Return `shown`, which is escaped already, as a link where the line's place has a page."""
        name = self.series.get(line.base)
        return _link(self.up + name if name else "", shown)

    def commit(self, commit: str) -> str:
        """Return the beginning of the commit, as a link where its repository has a site."""
        return _link(self.commits.get(commit, ""), text(commit[:COMMIT]))


NO_LINKS = Links()


def _link(address: str, shown: str) -> str:
    if not address:
        return shown
    rel = ' rel="noreferrer"' if "://" in address else ""
    return f'<a href="{attribute(address)}"{rel}>{shown}</a>'
