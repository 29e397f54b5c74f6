"""The made-up history says the same as files and as points, and its planted signals are in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.synthetic_points import synthetic_points
from benchmarks.synthetic_store import DAMAGED, write_store
from lab.analysis.points.load import load_points
from lab.analysis.points.table import STATUSES
from lab.jobs.demo.world import METRICS, world


def test_the_files_are_the_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    made = world(120)
    assert write_store(tmp_path, made) == 120
    loaded, points = load_points(), synthetic_points(made)
    assert len(loaded.bad) == DAMAGED
    assert loaded.points.runs.run_id == points.runs.run_id
    assert len(loaded.points) == len(points)
    ours, theirs = (
        {
            (one.runs.run_id[run], one.keys[series].cell): (value, STATUSES[status])
            for run, series, value, status in zip(one.run, one.series, one.value, one.status, strict=True)
        }
        for one in (loaded.points, points)
    )
    assert ours.keys() == theirs.keys()
    for key, (value, status) in ours.items():
        assert status == theirs[key][1]
        assert value == pytest.approx(theirs[key][0], rel=1e-6, nan_ok=True)


def test_what_is_planted_is_there() -> None:
    made = world(480, seed=3)
    for one in made.planted:
        values = made.values[made.lines.index(one.line), :, :, METRICS.index(one.metric)]
        step = np.median(values[one.session :]) / np.median(values[: one.session])
        assert step == pytest.approx(one.ratio, rel=0.04)
    assert made.failed[-1, -3:, -1].all()
    assert world(480, seed=3).values.tolist() == made.values.tolist()
