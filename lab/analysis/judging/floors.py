"""From sessions in which nothing changed: the smallest change that counts, the threshold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from lab.analysis.judging.noise import centre, moderated, prior, residuals
from lab.analysis.judging.numbers import Sessions, in_side, sessions
from lab.analysis.judging.sides import Side
from lab.analysis.points.key import STATUS, SeriesKey
from lab.analysis.points.table import Points
from lab.core.errors import MeasureError, NotComparableError
from lab.formats.calibration import SCHEMA, Calibration, LearnedFloor

Array = NDArray[np.float64]

LEAST = 10  # sessions: with them the noise of one cell is known to a quarter (95 %: 0.7 to 1.8 of it)
QUANTILE = 0.9  # of the cells of a metric: the floor holds for all but the noisiest tenth
MULTIPLE = 1.0  # of the noise between sessions: what a single session strays by in one case out of three
FINEST = 0.005  # nothing under half a percent is worth a word, however steady a device is


def learn_floors(points: Points, runs: Side) -> Calibration:
    """Return the floors of one target from A/A sessions `runs`: one build, one device, the same conditions.

    The floor of a metric is MULTIPLE times the standard deviation between sessions that QUANTILE of its cells stay
    under, and FINEST at the least. MeasureError when there are too few sessions, NotComparableError when they are not
    of one target and build.
    """
    mask = in_side(points, runs)
    _check_one_kind(points, runs)
    series = [int(code) for code in np.unique(points.series[mask]) if points.keys[code].cell.metric != STATUS]
    found = sessions(points, mask, np.array(series, np.int32))
    keys = [points.keys[code] for code in series]
    _check_enough(points, runs, found, len(keys))
    newest = datetime.fromtimestamp(int(points.runs.created_s[runs.runs].max()), UTC)
    return Calibration(
        schema=SCHEMA,
        target=points.runs.target[int(runs.runs[0])],
        created_at=f"{newest:%Y-%m-%dT%H:%M:%SZ}",
        runs=tuple(points.runs.run_id[run] for run in sorted(runs.runs.tolist())),
        floors=tuple(_floors(keys, found)),
    )


def noise_between(x: Array, group: NDArray[np.int64]) -> Array:
    """Return the standard deviation between sessions of each row of logarithms x [M, S]. -> [M]"""
    n = np.isfinite(x).sum(axis=1)
    mean = np.nansum(x, axis=1) / np.maximum(n, 1)
    first = np.nansum((x - mean[:, None]) ** 2, axis=1) / np.maximum(n - 1, 1)
    sigma = np.sqrt(moderated(first, n - 1.0, prior(first, n - 1.0, group))[0])
    left = residuals(x, centre(x, sigma), sigma)
    s2 = np.nansum(left**2, axis=1) / np.maximum(n - 1, 1)
    return np.sqrt(moderated(s2, n - 1.0, prior(s2, n - 1.0, group))[0])


def floor_of(noise: Array) -> float:
    """Return the floor of a metric from the noise between sessions of each of its cells [M]."""
    return float(np.clip(np.expm1(MULTIPLE * np.quantile(noise, QUANTILE)), FINEST, 1.0))


def _floors(keys: Sequence[SeriesKey], found: Sessions) -> Iterator[LearnedFloor]:
    names = list(dict.fromkeys(key.cell.metric for key in keys))
    group = np.array([names.index(key.cell.metric) for key in keys])
    noise = noise_between(found.x, group)
    for place, name in enumerate(names):
        of = (group == place) & (found.n >= LEAST)
        if of.any():
            typical = float(np.clip(np.expm1(np.median(noise[of])), 1e-6, 1.0))
            yield LearnedFloor(name, floor_of(noise[of]), typical, int(of.sum()), int(found.n[of].min()))


def _check_one_kind(points: Points, runs: Side) -> None:
    chosen = runs.runs.tolist()
    targets = sorted({points.runs.target[run] for run in chosen})
    if len(targets) > 1:
        raise NotComparableError(f"A/A sessions of several targets: {', '.join(targets)}", hint="name one target")
    builds: dict[str, set[str]] = {}
    for run in chosen:
        builds.setdefault(points.runs.model[run], set()).add(points.runs.bundle[run])
    mixed = sorted(model for model, keys in builds.items() if len(keys) > 1)
    if mixed:
        raise NotComparableError(
            f"the sessions of {', '.join(mixed)} are not of one build",
            hint="a threshold is learned from sessions in which nothing changed: 'lab calibrate TARGET' measures them",
        )


def _check_enough(points: Points, runs: Side, found: Sessions, series: int) -> None:
    most = int(found.n.max()) if series else 0
    if most < LEAST:
        target = points.runs.target[int(runs.runs[0])] if len(runs.runs) else "this target"
        raise MeasureError(
            f"{target}: {most} A/A sessions of the same benchmark under the same conditions, and {LEAST} are needed",
            hint=f"{LEAST - most} more of the same build: 'lab calibrate TARGET' measures them",
        )
