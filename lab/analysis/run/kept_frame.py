"""The frame of a store, kept from one call to the next as one Arrow file beside the points: a cache, and nothing else.

It is written whole or not at all, and believed only where the code that makes frames is what it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from lab.analysis.points.cache import Unreadable, kept_file, origin
from lab.analysis.run.frame import rows, table_schema
from lab.core.atomic import write_bytes
from lab.core.errors import LabError
from lab.store import BadRun, Entry, entries, place, read_entries

FIRST = "analysis/run/frame.py"  # what makes rows of records, and imports all that it takes
OF_RUN = "run number"  # the column, of the kept table alone, that says which run a row is of
KEY = b"lab.frame"
Name = tuple[str, str]  # place and version of a document


@dataclass(frozen=True)
class Kept:
    """Rows of all runs that were read; `runs` are these by number, each with the id and the label of its model."""

    table: pa.Table
    runs: dict[Name, tuple[str, str]]
    unreadable: dict[Name, Unreadable]


def stored_table(target: str | None, model: str | None) -> tuple[pa.Table, list[BadRun]]:
    """Return the rows of the stored runs of a target and a model (None: of all), oldest first, and what is damaged."""
    listed, path = entries(), kept_file().with_suffix(".arrow")
    kept = _read(path)
    names = {_name(entry) for entry in listed}
    known = kept.runs.keys() | kept.unreadable.keys()
    if names != known:
        kept = _only(_extended(kept, [entry for entry in listed if _name(entry) not in known]), listed)
        _write(path, kept)
    wanted = [entry for entry in listed if target in (None, entry.target) and _may_be(kept, entry, model)]
    found = _only(kept, wanted)
    return found.table.drop_columns([OF_RUN]), [
        BadRun(place(one.place), one.reason) for one in found.unreadable.values()
    ]


def _name(entry: Entry) -> Name:
    return entry.place, entry.version


def _may_be(kept: Kept, entry: Entry, model: str | None) -> bool:
    if model is None:
        return True
    return model in kept.runs[_name(entry)] if _name(entry) in kept.runs else entry.may_be_of(model)


def _extended(kept: Kept, fresh: Sequence[Entry]) -> Kept:
    runs, unreadable, added = dict(kept.runs), dict(kept.unreadable), []
    for entry, record in zip(fresh, read_entries(fresh), strict=True):
        if isinstance(record, BadRun):
            unreadable[_name(entry)] = Unreadable(entry.place, entry.version, record.reason)
            continue
        added += [{**row, OF_RUN: len(runs)} for row in rows(record)]
        runs[_name(entry)] = (record.model.id, record.model.label)
    return Kept(pa.concat_tables([kept.table, pa.Table.from_pylist(added, schema=_schema())]), runs, unreadable)


def _only(kept: Kept, listed: Sequence[Entry]) -> Kept:
    """Return what is kept of these runs, in their order."""
    names = [_name(entry) for entry in listed]
    runs = {name: kept.runs[name] for name in names if name in kept.runs}
    unreadable = {name: kept.unreadable[name] for name in names if name in kept.unreadable}
    if list(runs) == list(kept.runs):
        return Kept(kept.table, runs, unreadable)
    numbers = {name: number for number, name in enumerate(runs)}
    ranks = np.asarray([numbers.get(name, -1) for name in kept.runs], np.int64)
    of_row = ranks[kept.table[OF_RUN].to_numpy()]
    order = np.argsort(of_row, kind="stable")
    order = order[of_row[order] >= 0]
    table = kept.table.take(pa.array(order))
    column = table.schema.get_field_index(OF_RUN)
    return Kept(table.set_column(column, _schema().field(OF_RUN), pa.array(of_row[order])), runs, unreadable)


def _schema() -> pa.Schema:
    return table_schema(raw=False).append(pa.field(OF_RUN, pa.int64()))


def _read(path: Path) -> Kept:
    """Return what is kept; nothing where there is none, or none that can be believed."""
    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        text = json.loads(table.schema.metadata[KEY])
        if text["origin"] == origin(FIRST):
            runs = {(at, version): (model, label) for at, version, model, label in text["runs"]}
            unreadable = {(one[0], one[1]): Unreadable(*one) for one in text["unreadable"]}
            return Kept(table.replace_schema_metadata(None).cast(_schema()), runs, unreadable)
    except Exception:  # damage has many names here, and all mean: read the runs again
        pass
    return Kept(_schema().empty_table(), {}, {})


def _write(path: Path, kept: Kept) -> None:
    """Keep it. A disk that refuses costs the next call time, and no more."""
    text = {
        "origin": origin(FIRST),
        "runs": [[*name, *models] for name, models in kept.runs.items()],
        "unreadable": [[one.place, one.version, one.reason] for one in kept.unreadable.values()],
    }
    table = kept.table.replace_schema_metadata({KEY: json.dumps(text).encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    with suppress(LabError):
        write_bytes(path, sink.getvalue().to_pybytes())
