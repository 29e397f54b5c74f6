"""docs/dashboard.svg: the dashboard of `lab demo` as the terminal shows it, drawn by the application itself."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.core.progress import NullProgress
from lab.jobs.demo.write import write_demo
from lab.views.tui.app import LabApp
from tests.views.tui.driving import drive, screen_text

TITLE = "lab demo"
SIZE = (100, 20)
SETTINGS = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
FORGOTTEN = ("LAB_HOME", "LAB_STORE", "NO_COLOR", "LC_ALL")


def picture() -> tuple[str, str]:
    """Return the screen as SVG, with the reader's fonts, and as text."""
    with tempfile.TemporaryDirectory(prefix="lab-picture-") as folder, _only(LAB_HOME=f"{folder}/lab-demo"):
        write_demo(Path(folder) / "lab-demo", NullProgress())
        drawn: list[str] = []

        async def play(app: LabApp, pilot: Any) -> None:
            drawn.extend([app.export_screenshot(title=TITLE), screen_text(app)])

        drive(play, size=SIZE)
    svg, text = drawn
    without_fonts = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    plain = re.sub(r"<!--.*?-->", "", without_fonts)
    return re.sub(r"terminal-\d+", "lab", plain), text


@contextmanager
def _only(**settings: str) -> Iterator[None]:
    """The same terminal wherever it is drawn."""
    before = dict(os.environ)
    for name in FORGOTTEN:
        os.environ.pop(name, None)
    os.environ.update({**SETTINGS, **settings})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
