"""The table of a real run, as `lab run` prints it in a terminal of 80 columns: as text, and as a picture."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

from lab import store
from lab.views.runs.run_table import run_table

RECORD = Path(__file__).with_name("first-run.json")
TITLE = "lab run --target local --model phi3-mini-q4"
COLUMNS = 80


def text() -> str:
    """Return the table, without blanks at the ends of lines."""
    lines = _drawn().export_text(clear=False).splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def drawing() -> str:
    """Return the table as SVG, with the reader's fonts: rich's own style would fetch one from the network."""
    svg = _drawn().export_svg(title=TITLE, unique_id="lab")
    without_fonts = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"<!--.*?-->", "", without_fonts)


def _drawn() -> Console:
    record = store.load(RECORD, RECORD.read_bytes())
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(run_table(record, COLUMNS))
    return console
