"""The contract of floors/: what `lab calibrate` learned of a target's noise, one JSON file a target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from lab.core.config import check_schema
from lab.core.decode import decode
from lab.core.errors import StoreError
from lab.core.fields import Limits, encode
from lab.core.home import lab_home, shown
from lab.core.suggest import unknown
from lab.formats.digested import DIGEST_KEY, plain, read_digested, write_digested
from lab.formats.kinds import Name, Positive, RunId, UtcTime
from lab.formats.metrics import METRICS

SCHEMA = 1
FOLDER = "floors"

Fraction = Annotated[float, Limits(above=0, max=1)]


@dataclass(frozen=True)
class LearnedFloor:
    """One metric: a difference under `fraction` is what sessions of one build differ by.

    `noise` is the typical standard deviation between sessions as a fraction, over `cells` cells of `sessions` sessions
    (the fewest that a cell had).
    """

    metric: str
    fraction: Fraction
    noise: Fraction
    cells: Positive
    sessions: Positive


@dataclass(frozen=True)
class Calibration:
    """What the A/A sessions `runs` of one target said, the newest measured at `created_at`."""

    schema: int
    target: Name
    created_at: UtcTime
    runs: tuple[RunId, ...]
    floors: tuple[LearnedFloor, ...]


def save(calibration: Calibration) -> Path:
    """Write what was learned of a target, replacing what was known, and return the file's path."""
    where = f"floors of {calibration.target}"
    document = plain(encode(calibration), where=where)
    path = floors_dir() / f"{from_json(document, where=where).target}.json"
    write_digested(path, document)
    return path


def load(path: Path) -> Calibration:
    """Return what the file says; StoreError names the file and what is wrong with it."""
    document = read_digested(path, SCHEMA)
    del document[DIGEST_KEY]
    found = from_json(document, where=shown(path))
    if found.target != path.stem:
        raise StoreError(f"{shown(path)}: it is of target {found.target}", hint=f"name it {found.target}.json")
    return found


def from_json(document: Any, *, where: str) -> Calibration:
    """Return the calibration that plain data holds; StoreError names `where` and the key that does not fit."""
    check_schema(document, SCHEMA, where=where, error=StoreError)
    found = decode(Calibration, document, where=where, error=StoreError)
    for floor in found.floors:
        if floor.metric not in METRICS:
            raise StoreError(f"{where}: {unknown('metric', floor.metric, METRICS)}")
    return found


def load_floors() -> dict[tuple[str, str], float]:
    """Return the floors of every calibrated target, fractions by (target, metric); empty when there is none."""
    files = sorted(path for path in floors_dir().glob("*.json") if not path.name.startswith("."))
    learned = [load(path) for path in files]
    return {(one.target, floor.metric): floor.fraction for one in learned for floor in one.floors}


def floors_dir() -> Path:
    """Return the folder of learned floors; it may not exist yet."""
    return lab_home() / FOLDER
