"""Points kept from one command to the next: a cache beside the store, and nothing but a cache.

One file of numpy columns and one JSON text in it. It is written whole or not at all, and believed only when it is
whole (a zip archive checks what is read from it), of this version, and derived by the very code that asks: a digest of
all files that deriving points can reach.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.analysis.points.key import CellKey, Conditions, SeriesKey
from lab.analysis.points.table import Points, Runs
from lab.core.atomic import write_bytes
from lab.core.errors import LabError
from lab.core.home import PACKAGE as ROOT
from lab.core.home import compiled_dir, store_url
from lab.version import __version__

SCHEMA = 4
FOLDER = "points"  # below compiled/
ARRAYS = ("series", "run", "value", "sd", "n", "status", "flags", "reason")
RUN_ARRAYS = ("created_s", "dirty", "columns")
CELL_NAMES, CONDITION_NAMES = ([item.name for item in fields(of)] for of in (CellKey, Conditions))
FIRST = "analysis/points/build.py"  # what derives points, and imports all that it takes
# How files of lab import each other, wherever in the file: `from lab.a.b import c, d` or `... import (`. Of `lab`
# itself nothing but the version counts, which is part of the digest.
IMPORT = re.compile(rb"^[ \t]*from lab((?:\.\w+)*) import (?:\(([^)]*)\)|([^\n]*))", re.MULTILINE)


@dataclass(frozen=True)
class Unreadable:
    """What cannot be believed, as it was when somebody last looked."""

    place: str
    version: str
    reason: str


@dataclass(frozen=True)
class Kept:
    """`versions` belong to the runs of `points`, whose places say where each was read from."""

    points: Points
    versions: list[str]
    unreadable: list[Unreadable]


def kept_file() -> Path:
    """Return where the points of this store are kept; stores in different databases have files of their own."""
    store = hashlib.sha256(store_url().encode()).hexdigest()
    return compiled_dir() / FOLDER / f"{store[:12]}.npz"


def read_kept(path: Path) -> Kept | None:
    """Return what is kept at `path`; None when there is nothing, or nothing that can be believed."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        text = json.loads(arrays.pop("text").tobytes())
        return _decoded(text, arrays) if (text["schema"], text["origin"]) == (SCHEMA, origin()) else None
    except Exception:  # damage has as many names as there are layers in a zip archive; all mean: read the runs again
        return None


def write_kept(path: Path, kept: Kept) -> None:
    """Keep it, in place of what was kept before. A disk that refuses costs the next command time, and no more."""
    points = kept.points
    places = {one: place for place, one in enumerate(dict.fromkeys(key.conditions for key in points.keys))}
    text = {
        "schema": SCHEMA,
        "origin": origin(),
        "conditions": [list(asdict(one).values()) for one in places],
        "keys": [[list(asdict(key.cell).values()), places[key.conditions]] for key in points.keys],
        "reasons": points.reasons,
        "runs": {item.name: getattr(points.runs, item.name) for item in _texts()},
        "versions": kept.versions,
        "unreadable": [list(asdict(one).values()) for one in kept.unreadable],
    }
    arrays = {name: getattr(points, name) for name in ARRAYS} | {
        name: getattr(points.runs, name) for name in RUN_ARRAYS
    }
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, text=np.frombuffer(json.dumps(text).encode(), np.uint8), **arrays)
    with suppress(LabError):
        write_bytes(path, out.getvalue())


def _decoded(text: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Kept:
    """Raises ValueError, TypeError or KeyError for what does not fit together."""
    texts: dict[str, Any] = {item.name: text["runs"][item.name] for item in _texts()}
    texts["tags"] = [tuple(one) for one in texts["tags"]]
    columns: dict[str, Any] = {name: arrays[name] for name in ARRAYS}
    texts |= {name: arrays[name] for name in RUN_ARRAYS}
    conditions = [_conditions(one) for one in text["conditions"]]
    points = Points(
        keys=tuple(SeriesKey(_cell(of), conditions[place]) for of, place in text["keys"]),
        runs=Runs(**texts),
        reasons=tuple(text["reasons"]),
        **columns,
    )
    _check(points, text["versions"])
    return Kept(points, text["versions"], [Unreadable(*one) for one in text["unreadable"]])


def _check(points: Points, versions: list[str]) -> None:
    runs = points.runs
    lengths = {len(getattr(runs, item.name)) for item in fields(Runs)} | {len(versions)}
    codes = ((points.series, len(points.keys)), (points.run, len(runs)), (points.reason, len(points.reasons)))
    sound = lengths == {len(runs)} and {len(getattr(points, name)) for name in ARRAYS} == {len(points)}
    if not sound or any(len(code) and int(code.max()) >= count for code, count in codes):
        raise ValueError("columns do not fit together")


def _texts() -> list[Any]:
    return [item for item in fields(Runs) if item.name not in RUN_ARRAYS]


def _cell(values: list[Any]) -> CellKey:
    return CellKey(**dict(zip(CELL_NAMES, values, strict=True)))


def _conditions(values: list[Any]) -> Conditions:
    """Conditions are few and keys many: the tests and metrics of one build share them."""
    under: dict[str, Any] = dict(zip(CONDITION_NAMES, values, strict=True))
    under |= {name: tuple((str(key), str(text)) for key, text in under[name]) for name in ("settings", "facts")}
    return Conditions(**under)


@cache
def origin(first: str = FIRST) -> str:
    """Return the digest of the code that `first` can reach; by default of what turns documents into points."""
    return digest_of(ROOT, first)


def digest_of(root: Path, first: str = FIRST) -> str:
    """Return the digest of that code in the package at `root`."""
    digest = hashlib.sha256(f"{__version__} numpy {np.__version__}".encode())
    for path, content in sorted(reached(root, first).items()):
        digest.update(f"\0{path.relative_to(root)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def reached(root: Path, first: str = FIRST) -> dict[Path, bytes]:
    """Return every file of lab that `first` can reach by imports, with its content."""
    left, found = [root / first], dict[Path, bytes]()
    while left:
        path = left.pop()
        if path not in found:
            found[path] = path.read_bytes()
            left += _imported(root, found[path])
    return found


def _imported(root: Path, content: bytes) -> Iterator[Path]:
    for match in IMPORT.finditer(content):
        module = root.joinpath(*match[1].decode().split(".")[1:])
        inside = (module / name for name in re.findall(r"\w+", (match[2] or match[3]).decode()))
        for one in (module, *inside) if module != root else inside:
            yield from (path for path in (one.with_suffix(".py"), one / "__init__.py") if path.is_file())
