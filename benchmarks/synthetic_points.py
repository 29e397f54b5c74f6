"""The made-up history as points at once, for histories too long to write as files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lab.analysis.points.key import STATUS, CellKey, Conditions, SeriesKey
from lab.analysis.points.table import STATUSES, Points, Runs
from lab.formats.run.blocks import MADE_UP
from lab.jobs.demo.world import METRICS, SHAPES, World, commit, run_id, tags

NAMES = (STATUS, *METRICS, "itl_p50_s")
REASON = "killed by SIGSEGV"


def synthetic_points(world: World) -> Points:
    """Return the points of every session, run by run, as if its files had been loaded."""
    value = _value(world)  # [S, L, C, K]
    lost = world.failed.transpose(1, 0, 2)[..., None]  # [S, L, C, 1]
    kept = np.broadcast_to(~lost | (np.arange(len(NAMES)) == 0), value.shape).ravel()
    numbers = np.arange(len(world.lines) * len(SHAPES) * len(NAMES), dtype=np.int32).reshape(value.shape[1:])
    runs = np.arange(value.shape[0] * value.shape[1], dtype=np.int32).reshape(value.shape[:2])
    measured = ~np.isnan(value)
    sd = value * world.spread.transpose(1, 0, 2)[..., None]

    def column(values: NDArray[Any], kind: type) -> NDArray[Any]:
        taken: NDArray[Any] = np.broadcast_to(values, value.shape).ravel()[kept].astype(kind)
        return taken

    return Points(
        keys=_keys(world),
        runs=_runs(world),
        reasons=(REASON,),
        series=column(numbers[None], np.int32),
        run=column(runs[..., None, None], np.int32),
        value=column(value, np.float64),
        sd=column(sd, np.float64),
        n=column(np.where(measured, 3, 0), np.int32),
        status=column(np.where(lost, STATUSES.index("failed"), 0), np.int8),
        flags=column(np.zeros(1), np.int32),
        reason=column(np.where(lost, 0, -1), np.int32),
    )


def _value(world: World) -> NDArray[np.float64]:
    """Values in the order of NAMES -> [S, L, C, K]; the status has none."""
    measured = world.values.transpose(1, 0, 2, 3)
    nothing = np.full((*measured.shape[:3], 1), np.nan)
    gap = 1 / measured[..., METRICS.index("decode_tok_per_s"), None]
    return np.concatenate([nothing, measured, gap], axis=3)


def _keys(world: World) -> tuple[SeriesKey, ...]:
    return tuple(
        SeriesKey(
            CellKey(
                target=line.target,
                model=line.model,
                engine=line.engine,
                prompt=prompt,
                generate=generate,
                depth=depth,
                metric=name,
            ),
            Conditions(
                device=line.target,
                effective="made up",
                threads=2,
                settings=(("seed", "0"),),
                protocol=MADE_UP,
                emulated=line.target.startswith("emulated"),
                synthetic=False,
                layers=32,
                layers_total=32,
                counter="VmHWM" if name == "rss_peak_bytes" else "",
            ),
        )
        for line in world.lines
        for prompt, generate, depth in SHAPES
        for name in NAMES
    )


def _runs(world: World) -> Runs:
    order = world.runs()
    at = [world.at(*one) for one in order]
    lines = [world.lines[line] for _, line in order]
    ids = [run_id(when, number) for number, when in enumerate(at)]
    return Runs(
        run_id=ids,
        created_s=np.asarray([int(when.timestamp()) for when in at], np.int64),
        status=["ok"] * len(order),
        target=[line.target for line in lines],
        model=[line.model for line in lines],
        bundle=["b" * 64] * len(order),
        lab_version=["0.1.0"] * len(order),
        commit=[commit(session) for session, _ in order],
        build_number=[0] * len(order),
        dirty=np.zeros(len(order), np.bool_),
        tags=[tags(session) for session, _ in order],
        columns=np.zeros(len(order), np.int64),
        place=[f"{line.target}/{one}.json" for line, one in zip(lines, ids, strict=True)],
    )
