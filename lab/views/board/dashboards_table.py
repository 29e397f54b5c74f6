"""`lab dash --check` for people."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.text import Text

from lab.core.errors import LabError
from lab.core.text import printable
from lab.core.units import counted
from lab.formats.dashboard import DashboardSpec
from lab.views.table import BAD, FAINT, GOOD, left, spaced, table


def dashboards_table(checked: Mapping[str, DashboardSpec | list[LabError]]) -> RenderableType:
    """Every dashboard with its title, then every mistake of every file, each with the next step."""
    rows: list[list[str | Text]] = [
        [printable(name, 100), Text("ok", GOOD), printable(one.title)]
        if isinstance(one, DashboardSpec)
        else [printable(name, 100), Text(counted(len(one), "error"), BAD), "see below"]
        for name, one in checked.items()
    ]
    listed = table([left("Dashboard", fold=False), left("File", fold=False), left("Title")], rows)
    return spaced([listed, *(_problem(one) for found in checked.values() if isinstance(found, list) for one in found)])


def _problem(problem: LabError) -> RenderableType:
    hint = [Text(f"hint: {problem.hint}", FAINT)] if problem.hint else []
    return Group(Text(problem.what, BAD), *hint)
