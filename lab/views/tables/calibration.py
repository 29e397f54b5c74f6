"""What `lab calibrate` learned, for people."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from lab.formats.calibration import Calibration
from lab.formats.metrics import metric
from lab.views.table import FAINT, left, right, spaced, table
from lab.views.units import percent


def calibration_table(found: Calibration) -> RenderableType:
    """The noise between sessions and the floor of each metric, and how to read them."""
    columns = [left("Metric", fold=False), right("Noise"), right("Threshold"), right("Series"), right("Sessions")]
    rows = [
        [metric(one.metric).title, _percent(one.noise), _percent(one.fraction), str(one.cells), str(one.sessions)]
        for one in found.floors
    ]
    head = Text(f"{found.target}: learned from {len(found.runs)} sessions up to {found.created_at}", "bold")
    lines = [
        "Noise: by how much one session of an unchanged build differs from another (standard deviation).",
        "Threshold: the smallest change that 'lab gate' counts on this target; 5 % where nothing was learned.",
    ]
    return spaced([head, table(columns, rows), Text("\n".join(lines), FAINT)])


def _percent(fraction: float) -> str:
    return percent(fraction, 2)
