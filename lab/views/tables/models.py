"""`lab models` for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType

from lab.core.units import human_bytes
from lab.models.catalog import CatalogRow
from lab.views.table import left, pairs, right, spaced, table

ROOM_FOR_BACKENDS = 72


def models_table(rows: Sequence[CatalogRow], width: int) -> RenderableType:
    """The models that can be built, what is known to be wrong with them, and what is not there yet."""
    ready = [row for row in rows if row.backends]
    problems = {row.preset: row.reason for row in ready if row.reason}
    waiting = [(row.id, row.reason) for row in rows if not row.backends]
    parts = [_ready(ready, width >= ROOM_FOR_BACKENDS)]
    if problems:
        parts.append(Group("To know before you trust them", pairs(problems.items())))
    if waiting:
        parts.append(Group("Not yet", pairs(waiting)))
    return spaced(parts)


def _ready(rows: Sequence[CatalogRow], with_backends: bool) -> RenderableType:
    columns = [left("Model", fold=False), right("Params"), right("On disk"), right("KV a token"), right("Context")]
    columns += [left("Backends", fold=False)] if with_backends else []
    return table(columns, [_cells(row, with_backends) for row in rows])


def _cells(row: CatalogRow, with_backends: bool) -> list[str]:
    parameters = f"{(row.parameters or 0) / 1e9:.2f} B"
    sizes = [human_bytes(row.disk_bytes or 0), human_bytes(row.kv_bytes_per_token or 0)]
    backends = [", ".join(row.backends)] if with_backends else []
    return [row.id, parameters, *sizes, str(row.context_max), *backends]
