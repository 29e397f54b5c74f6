"""Plain-text pictures of what people see, kept in tests/views/snapshots.

After a change that is meant, look at the difference and renew them:

    LAB_UPDATE_SNAPSHOTS=1 pytest -q tests/views && git diff tests/views/snapshots
"""

from __future__ import annotations

import os
from pathlib import Path

from rich.console import RenderableType

from lab.views.console import to_text

FOLDER = Path(__file__).parent / "snapshots"
WIDTHS = (60, 80, 120)


def check(name: str, renderable: RenderableType, width: int) -> str:
    """Hold the rendered text against the stored picture `<name>-<width>.txt`, and return it."""
    text = to_text(renderable, width).rstrip("\n") + "\n"
    path = FOLDER / f"{name}-{width}.txt"
    if os.environ.get("LAB_UPDATE_SNAPSHOTS") == "1":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), f"{path.name} is not stored yet; see the top of {Path(__file__).name}"
    assert text == path.read_text(encoding="utf-8")
    return text
