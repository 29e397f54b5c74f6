"""Whether the cells of two sides gave numbers at all, counted over their sessions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lab.analysis.judging.pairing import Match
from lab.analysis.judging.verdict import Verdict
from lab.analysis.points.key import STATUS, cell_series
from lab.analysis.points.table import DOUBTED, FLAGS, STATUSES, Points
from lab.analysis.run.flags import DOUBTFUL
from lab.analysis.run.gpu import names_gpu
from lab.core.text import said
from lab.core.units import counted
from lab.formats.metrics import PEAK
from lab.formats.verdicts import Word

Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]

NOT_TRIED = ("not_run", "interrupted")
FAILED = tuple(name for name in STATUSES if name not in ("ok", *NOT_TRIED))


@dataclass(frozen=True)
class Outcomes:
    """Sessions of one side by series of whole cells: [K] each, K the number of `Points.keys`.

    `why` is the place in `Points.reasons` of the last session without numbers, -1 for none.
    """

    all: Counts
    good: Counts
    failed: Counts
    swapped: Counts
    doubted: Counts
    fell_back: Counts
    cpu_device: Counts
    disturbed: Counts
    status: Counts  # the last one without numbers: a place in STATUSES, -1 for none
    why: Counts


def outcomes(points: Points, mask: Mask) -> Outcomes:
    """Count the sessions of the points under `mask`."""
    is_status = np.array([key.cell.metric == STATUS for key in points.keys], np.bool_)
    rows = np.flatnonzero(mask & is_status[points.series]) if len(points.keys) else np.zeros(0, np.int64)
    series, size = points.series[rows], len(points.keys)
    timed = np.array([_is_timed(key.cell.metric) for key in points.keys], np.bool_)
    good = (points.status[rows] == STATUSES.index("ok")) | _has_numbers(points, mask & timed[points.series], rows)
    failed = ~good & np.isin(points.status[rows], [STATUSES.index(name) for name in FAILED])
    status, why = np.full(size, -1), np.full(size, -1)
    status[series[~good]], why[series[~good]] = points.status[rows][~good], points.reason[rows][~good]

    def count(which: Mask) -> Counts:
        return np.bincount(series[which], minlength=size)

    def flagged(name: str) -> Counts:
        return count(points.flags[rows] & (1 << FLAGS.index(name)) > 0)

    return Outcomes(
        all=count(np.ones(len(rows), np.bool_)),
        good=count(good),
        failed=count(failed),
        swapped=flagged("swapped"),
        doubted=count(points.flags[rows] & DOUBTED > 0),
        fell_back=flagged("fell_back"),
        cpu_device=flagged("cpu_device"),
        disturbed=flagged("disturbed"),
        status=status,
        why=why,
    )


def _is_timed(name: str) -> bool:
    """Whether repetitions give it; memory has a process of its own, which may end well where all of them crash."""
    return name not in (STATUS, PEAK)


def _has_numbers(points: Points, numbers: Mask, rows: NDArray[np.int64]) -> Mask:
    """Whether a cell that did not end well gave numbers all the same: it has such points in the same run."""
    bad = numbers & (points.status != STATUSES.index("ok"))
    if not bad.any():
        return np.zeros(len(rows), np.bool_)
    place = {key: code for code, key in enumerate(points.keys)}
    base = np.array([place.get(cell_series(key), -1) for key in points.keys])
    size = len(points.keys)
    with_numbers = points.run[bad].astype(np.int64) * size + base[points.series[bad]]
    return np.isin(points.run[rows].astype(np.int64) * size + points.series[rows], with_numbers)


def cell_verdict(match: Match, a: Outcomes, b: Outcomes, points: Points) -> Iterator[Verdict]:
    """Yield what there is to say of the cell as a whole; nothing when both sides have numbers to compare."""
    found = _word(match, a, b, points)
    if found is not None:
        word, reason = found
        counts = [int(side.all[place]) if place is not None else 0 for side, place in ((a, match.a), (b, match.b))]
        yield Verdict(cell=match.cell, word=word, reason=reason, sessions_a=counts[0], sessions_b=counts[1])


def _word(match: Match, a: Outcomes, b: Outcomes, points: Points) -> tuple[Word, str] | None:
    if match.obstacle is not None:
        return "not-comparable", match.obstacle
    if match.a is None and match.b is not None:
        return "new", "no baseline measurement" + _under(match)
    if match.b is None or match.a is None:
        return "missing", "missing from the candidate" + _under(match)
    if (a.disturbed[match.a] > 0) != (b.disturbed[match.b] > 0):
        return "not-comparable", "one side was measured under fault injection"
    on_gpu = all(names_gpu(points.keys[place].conditions.effective) for place in (match.a, match.b))
    found = _gpu_word(match.a, match.b, a, b, on_gpu=on_gpu)
    return found or _status_word(match.a, match.b, a, b, points.reasons)


def _under(match: Match) -> str:
    return f" under these conditions ({match.under})" if match.under else ""


def _gpu_word(at: int, bt: int, a: Outcomes, b: Outcomes, *, on_gpu: bool) -> tuple[Word, str] | None:
    """What a CPU that computed for a GPU means; `on_gpu` when both sides were measured as GPUs are."""
    fell_a, fell_b = int(a.fell_back[at]), int(b.fell_back[bt])
    if fell_a and fell_b:
        return "not-comparable", "both sides requested a GPU and ran on a CPU"
    if fell_b:
        return "fell-back", f"requested GPU, ran on CPU in {fell_b} of {_sessions(b, bt)} of the candidate"
    if fell_a:
        return "fixed", f"runs on the GPU; ran on CPU in {fell_a} of {_sessions(a, at)} of the baseline"
    if on_gpu and (a.cpu_device[at] > 0) != (b.cpu_device[bt] > 0):
        return "not-comparable", "OpenCL on a CPU compared with OpenCL on a GPU"
    return None


def _status_word(at: int, bt: int, a: Outcomes, b: Outcomes, reasons: tuple[str, ...]) -> tuple[Word, str] | None:
    good_a, good_b = int(a.good[at]), int(b.good[bt])
    if not good_a and not good_b:
        return "not-comparable", f"no numbers: baseline {_how(a, at, reasons)}; candidate {_how(b, bt, reasons)}"
    if not good_b:
        return ("broke" if b.failed[bt] else "missing"), f"candidate: {_how(b, bt, reasons)}"
    if not good_a:
        return ("fixed" if a.failed[at] else "new"), f"baseline: {_how(a, at, reasons)}"
    if b.failed[bt] and not a.failed[at]:
        lost = f"{int(b.failed[bt])} of {_sessions(b, bt)} {_how(b, bt, reasons)}"
        return "broke", f"candidate: {lost}; none of the baseline's"
    sides = (("the baseline", a, at), ("the candidate", b, bt))
    swapped = [name for name, side, place in sides if side.swapped[place] >= side.good[place]]
    if swapped:
        return "not-comparable", f"swapped in {' and '.join(swapped)}"
    doubted = [name for name, side, place in sides if side.doubted[place] >= side.good[place]]
    return ("not-comparable", f"{DOUBTFUL} in {' and '.join(doubted)}") if doubted else None


def _sessions(side: Outcomes, place: int) -> str:
    return counted(int(side.all[place]), "session")


def _how(side: Outcomes, place: int, reasons: tuple[str, ...]) -> str:
    why = said(reasons[side.why[place]]) if side.why[place] >= 0 else ""
    status = STATUSES[side.status[place]].replace("_", " ")
    return status + (f" ({why})" if why else "")
