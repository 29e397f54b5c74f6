"""What was pushed to a device, for `lab devices clean`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from lab.core.units import human_bytes
from lab.views.table import left, right, spaced, table


def stored_table(target: str, found: Sequence[tuple[str, int]], removed: bool) -> RenderableType:
    """List each file by its digest, and the sum; say how to remove them, or that they are gone."""
    if not found:
        return Text(f"{target}: nothing was pushed to it")
    rows = [[name, human_bytes(size)] for name, size in found]
    total = human_bytes(sum(size for _, size in found))
    word = f"removed {total}" if removed else f"{total}; --yes removes them"
    return spaced([table([left("Content (sha256)"), right("Size")], rows), Text(f"{target}: {word}")])
