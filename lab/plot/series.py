"""From the rows of a frame to series of sessions: what is drawn as one line or one bar, and its name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lab.analysis.compare.measured import Measured, of_values
from lab.core.errors import UsageError
from lab.formats.metrics import metric
from lab.formats.test import Test

SHAPE = ("prompt", "generate", "depth")
# What rows of one series have in common; names are made of those in which a frame's series differ.
IDENTITY = ("target", "model", "layers", "engine", "effective", "threads", "settings", "protocol", *SHAPE)
MOST = 12  # series that colours can tell apart
LABELS = {"threads": "{} threads", "layers": "{} layers"}


@dataclass(frozen=True)
class Series:
    """Sessions of one thing under the same conditions, oldest first: `run_id`, `created_at`, `value`, `low`, `high`.

    `value` is the median over a session's repetitions, `low` and `high` the smallest and the largest of them.
    """

    label: str
    sessions: pd.DataFrame

    @property
    def measured(self) -> Measured:
        """The median over the sessions with its 95 % interval, which needs three of them."""
        return of_values(np.log(self.sessions["value"].to_numpy(np.float64)))

    @property
    def reach(self) -> tuple[float, float]:
        """The interval over sessions; of fewer than three the range of the repetitions."""
        return self.measured.interval or (float(self.sessions["low"].min()), float(self.sessions["high"].max()))


def sessions_of(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a row a session and test with its `value` of metric `name`; repetitions that count alone.

    Raises:
        UsageError: there is no such metric or column, or no repetition has a number of it.
    """
    title = metric(name).title
    if name not in frame:
        raise UsageError(f"the frame has no column {name}", hint="take one of lab.open().frame()")
    rows = frame[(frame["status"] == "ok") & frame["doubts"].isna() & (frame[name] > 0)]
    if rows.empty:
        raise UsageError(f"no finished repetition in this frame has a number of {title}")
    keys = [*IDENTITY, "run_id", "created_at"]
    found = rows.groupby(keys, dropna=False, sort=False)[name].agg(["median", "min", "max", "size"]).reset_index()
    found = found.rename(columns={"median": "value", "min": "low", "max": "high", "size": "repetitions"})
    return found.sort_values(["created_at", "run_id"], kind="stable")


def series_of(sessions: pd.DataFrame, without: Sequence[str] = ()) -> list[Series]:
    """Return the series, of which the columns `without` are no part; UsageError for more than have colours."""
    keys = [name for name in IDENTITY if name not in without]
    groups = list(sessions.groupby(keys, dropna=False, sort=True))
    if len(groups) > MOST:
        raise UsageError(
            f"{len(groups)} series are too many for one picture (at most {MOST})",
            hint="choose rows of the frame first: frame[frame['target'] == 'local']",
        )
    labels = names_of(sessions, keys)
    return [Series(labels[key], rows) for key, rows in groups]


def names_of(sessions: pd.DataFrame, keys: Sequence[str]) -> dict[Any, str]:
    """Return the name of each series by its key: the values of the columns in which the series differ."""
    found = sessions[list(keys)].drop_duplicates()
    varying = [name for name in keys if found[name].nunique(dropna=False) > 1]
    spelt = {name: _spelt(name, found[name].tolist()) for name in varying}
    shape = [name for name in SHAPE if name in keys]
    names: dict[Any, str] = {}
    for place, row in enumerate(found.itertuples(index=False, name=None)):
        parts = [spelt[name][place] for name in varying if name not in SHAPE]
        if any(name in varying for name in shape):
            numbers = dict(zip(keys, row, strict=True))
            parts.append(Test(*(int(numbers.get(name, 0)) for name in SHAPE)).label)
        names[row] = " ".join(filter(None, parts))
    return names


def _spelt(name: str, values: Sequence[Any]) -> list[str]:
    if name == "settings":
        return _settings([json.loads(value) if isinstance(value, str) else {} for value in values])
    return ["" if pd.isna(value) else LABELS.get(name, "{}").format(_whole(value)) for value in values]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _settings(every: Sequence[dict[str, Any]]) -> list[str]:
    """Of settings only those that differ."""
    names = dict.fromkeys(name for one in every for name in one)
    unlike = [name for name in names if len({json.dumps(one.get(name)) for one in every}) > 1]
    return [" ".join(f"{name}={one[name]}" for name in unlike if name in one) for one in every]


def common(frame: pd.DataFrame) -> str:
    """Return what all series of a picture are of, for its title: model, target, engine and test where there is one."""
    return " ".join(str(_whole(frame[name].iloc[0])) for name in ("model", "target", "engine") if _one(frame, name))


RANDOM = "random weights"
EMULATED = "emulated device: times say nothing of real ones"


def part_note(layers: float | None, total: float | None) -> str:
    """Say that not all layers were measured, "" where they were."""
    known = pd.notna(layers) and pd.notna(total)
    return f"part of a model: {layers:.0f} of {total:.0f} layers" if known and (layers or 0) < (total or 0) else ""


def notes_of(frame: pd.DataFrame) -> list[str]:
    """Return what a reader must know of the rows: random weights, parts of a model, emulated devices, other rules."""
    rows = frame[frame["status"] == "ok"]
    random, emulated, fell_back = (
        rows[name].fillna(False).astype(bool) for name in ("synthetic", "emulated", "fell_back")
    )
    shapes = rows[["layers", "layers_total"]].drop_duplicates().itertuples(index=False)
    notes = [
        RANDOM + ("" if random.all() else " in part") if random.any() else "",
        *(part_note(*shape) for shape in shapes),
        EMULATED if emulated.any() else "",
        "requested GPU, ran on CPU" if fell_back.any() else "",
        "measured by different rules" if rows["protocol"].nunique() > 1 else "",
    ]
    return list(dict.fromkeys(filter(None, notes)))


def _one(frame: pd.DataFrame, name: str) -> bool:
    return frame[name].nunique(dropna=False) == 1
