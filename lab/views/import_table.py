"""`lab import` for people: each run, what it measured, and whether the store had it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from lab.analysis.exchange.keep import Kept
from lab.measure.plan import Cell as Shape
from lab.views.table import FAINT, GOOD, left, spaced, table

WIDE = 90


def import_table(kept: Sequence[Kept], width: int, *, dry_run: bool) -> RenderableType:
    """The runs as a table, and one line that counts them."""
    wide = width >= WIDE
    columns = [left("Run", fold=False), left("Target"), left("Model"), left("Tests")]
    columns += [left("Engine")] if wide else []
    rows = [[*_cells(one), *([_engine(one)] if wide else []), _outcome(one, dry_run)] for one in kept]
    return spaced([table([*columns, left("", fold=False)], rows), Text(_count(kept, dry_run))])


def _cells(one: Kept) -> list[str | Text]:
    record = one.record
    labels = [cell.label for cell in _shapes(one)]
    tests = ", ".join(labels[:4]) + (f" +{len(labels) - 4}" if len(labels) > 4 else "")
    return [record.run_id, record.target.name, record.model.label, tests]


def _shapes(one: Kept) -> list[Shape]:
    return [Shape(cell.prompt, cell.generate, cell.depth) for cell in one.record.cells]


def _engine(one: Kept) -> str:
    return f"{one.record.engine.name}, {one.record.engine.effective}"


def _outcome(one: Kept, dry_run: bool) -> Text:
    if one.outcome == "new":
        return Text("would be stored" if dry_run else "stored", GOOD)
    return Text(one.outcome, FAINT)


def _count(kept: Sequence[Kept], dry_run: bool) -> str:
    new = sum(one.outcome == "new" for one in kept)
    here = len(kept) - new
    said = [f"{new} {'would be stored' if dry_run else 'stored'}"] * bool(new or not here)
    return ", ".join([*said, *[f"{here} already here: nothing changed"] * bool(here)])
