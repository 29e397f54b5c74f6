"""`lab clean` and `lab devices clean` for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from lab.core.home import shown
from lab.core.units import human_bytes
from lab.jobs.clean import Removable
from lab.views.table import left, right, spaced, table


def clean_table(found: Sequence[Removable], removed: bool) -> RenderableType:
    """What would be removed, or was, with sizes and their sum."""
    if not found:
        return Text("nothing to remove")
    rows = [[one.kind, human_bytes(one.size_bytes), shown(one.path)] for one in found]
    total = human_bytes(sum(one.size_bytes for one in found))
    verb = "removed" if removed else "would be removed; add --yes to remove them"
    closing = f"{len(found)} folders, {total} {verb}. Recorded runs are never touched."
    return spaced([table([left("Kind", fold=False), right("Size"), left("Folder")], rows), Text(closing)])


def stored_table(target: str, found: Sequence[tuple[str, int]], removed: bool) -> RenderableType:
    """List each file by its digest, and the sum; say how to remove them, or that they are gone."""
    if not found:
        return Text(f"{target}: nothing was pushed to it")
    rows = [[name, human_bytes(size)] for name, size in found]
    total = human_bytes(sum(size for _, size in found))
    word = f"removed {total}" if removed else f"{total}; --yes removes them"
    return spaced([table([left("Content (sha256)"), right("Size")], rows), Text(f"{target}: {word}")])
