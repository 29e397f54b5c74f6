"""`lab models` for people: a line a network, with what each quantisation takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text

from lab.models.catalog import CatalogRow
from lab.models.quant import SCHEMES
from lab.views.table import left, pairs, right, spaced, table

ROOM_FOR_BACKENDS = 76
GIB, KIB = 1 << 30, 1 << 10


def models_table(rows: Sequence[CatalogRow], width: int) -> RenderableType:
    """The models that can be built, and what is known to be wrong with them."""
    problems = {row.preset: row.reason for row in rows if row.reason}
    parts: list[RenderableType] = [_networks(rows, width >= ROOM_FOR_BACKENDS), Text(_about(rows))]
    if problems:
        parts.append(Group("To know before you trust them", pairs(problems.items())))
    return spaced(parts)


def _about(rows: Sequence[CatalogRow]) -> str:
    return (
        f"q4 to f32: GiB on disk. A model is named with its quantisation: {rows[0].id}.\n"
        "KV: KiB of the cache a token; f32 takes twice that."
    )


def _networks(rows: Sequence[CatalogRow], with_backends: bool) -> RenderableType:
    columns = [left("Model", fold=False), right("Params"), *map(right, SCHEMES), right("KV"), right("Context")]
    columns += [left("Backends", fold=False)] if with_backends else []
    presets = [list(of) for _, of in groupby(rows, lambda row: row.preset)]
    return table(columns, [list(_cells(of, with_backends)) for of in presets])


def _cells(rows: Sequence[CatalogRow], with_backends: bool) -> Iterator[str]:
    """The line of a network; `rows` are its quantisations, in the order of SCHEMES."""
    yield rows[0].preset
    yield f"{_rounded(rows[0].parameters / 1e9)} B"
    yield from (_rounded(row.disk_bytes / GIB) for row in rows)
    yield f"{min(row.kv_bytes_per_token for row in rows) / KIB:g}"
    yield str(rows[0].context_max)
    if with_backends:
        yield ", ".join(rows[0].backends)


def _rounded(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
