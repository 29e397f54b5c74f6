"""What was achieved, held against what the same session measured the device to be able to do."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.analysis.gpu import is_gpu_run
from lab.analysis.stats import Stat
from lab.analysis.work import Work, decode_work, prefill_work
from lab.formats.run_record import Cell, RunRecord
from lab.models.layout import LAYOUT
from lab.models.quant import SCHEMES

OfPasses = Callable[[tuple[float, ...]], float | None]


@dataclass(frozen=True)
class Roofline:
    """Rates of one cell, per second, and their fractions of the roofs; null is not measured or not known.

    `roof_bytes_per_s` is decode's roof over the whole run; its fraction is taken repetition by repetition where
    bandwidth was. Prefill's roof is a time: the least that the measured peaks allow. A run on a GPU has no roofs: what
    was measured is the processor's.
    """

    prefill_ops_per_s: float | None
    prefill_bytes_per_s: float | None
    prefill_roof_fraction: float | None
    decode_ops_per_s: float | None
    achieved_bytes_per_s: float | None
    roof_bytes_per_s: float | None
    roof_fraction: float | None


def roofline(record: RunRecord, cell: Cell, metrics: Mapping[str, Stat]) -> Roofline:
    """Return what the median rates of the cell come to."""
    prefill, decode = prefill_work(record, cell), decode_work(record, cell)
    prefills = _per_s(metrics.get("prefill_tok_per_s"), cell.prompt)
    decodes = _per_s(metrics.get("decode_tok_per_s"), 1)
    has_roofs = not is_gpu_run(record)  # both are the processor's
    read, limit = _times(decode.bytes, decodes), roof(record) if has_roofs else None
    return Roofline(
        prefill_ops_per_s=_times(prefill.ops, prefills),
        prefill_bytes_per_s=_times(prefill.bytes, prefills),
        prefill_roof_fraction=_times(least_prefill_s(record, prefill), prefills) if has_roofs else None,
        decode_ops_per_s=_times(decode.ops, decodes),
        achieved_bytes_per_s=read,
        roof_bytes_per_s=limit,
        roof_fraction=_of_roof(cell, decode.bytes, read, limit) if has_roofs else None,
    )


def of_fastest_pass(record: RunRecord, cell: Cell, metrics: Mapping[str, Stat]) -> tuple[float | None, float | None]:
    """Return decode's and prefill's fraction of the fastest pass that the session measured of their roof.

    Other programs and a CPU quota slow some passes down and not others, so no slower one proves a rate wrong.
    """
    if is_gpu_run(record):
        return None, None
    step, work = decode_work(record, cell).bytes, prefill_work(record, cell)
    found = record.bandwidth
    of_run = () if found is None else (*found.before, *found.after)
    rates = [
        step * one.decode_tok_per_s / limit
        for one in cell.repetitions
        if step is not None and one.status == "ok" and one.decode_tok_per_s
        if (limit := max((*(one.bandwidth_bytes_per_s or ()), *of_run), default=0))
    ]
    prefill = _times(_least_s(record, work, _max), _per_s(metrics.get("prefill_tok_per_s"), cell.prompt))
    return _median(tuple(rates)), prefill


def _of_roof(cell: Cell, step_bytes: float | None, read: float | None, roof_of_run: float | None) -> float | None:
    """Return decode's fraction of the roof.

    Each repetition is held against the mean bandwidth right before and after it, and the median of those fractions
    counts; records without it are held against the roof of the whole run.
    """
    if step_bytes is None:
        return None
    own = [
        step_bytes * one.decode_tok_per_s / limit
        for one in cell.repetitions
        if one.status == "ok" and one.decode_tok_per_s and (limit := _mean(one.bandwidth_bytes_per_s or ()))
    ]
    if own:
        return statistics.median(own)
    return read / roof_of_run if read is not None and roof_of_run else None


def roof(record: RunRecord) -> float | None:
    """Return the median of the bandwidths measured before and after, in bytes/s."""
    found = record.bandwidth
    return None if found is None else _median((*found.before, *found.after))


def int8_peak(record: RunRecord) -> float | None:
    """Return the median of the int8 peaks measured before and after, in operations/s."""
    return _int8(record, _median)


def f32_peak(record: RunRecord) -> float | None:
    """Return the median of the f32 peaks measured before and after, in operations/s."""
    return _f32(record, _median)


def least_prefill_s(record: RunRecord, work: Work) -> float | None:
    """Return the seconds that the work takes at the measured peaks; null without them.

    Products with weights run at the int8 peak where activations become int8, attention always at the f32 peak.
    """
    return _least_s(record, work, _median)


def _least_s(record: RunRecord, work: Work, of_passes: OfPasses) -> float | None:
    f32 = _f32(record, of_passes)
    matrix = _int8(record, of_passes) if _on_int8(record) else f32
    if work.matrix_ops is None or work.attention_ops is None or not matrix or not f32:
        return None
    return work.matrix_ops / matrix + work.attention_ops / f32


def _int8(record: RunRecord, of_passes: OfPasses) -> float | None:
    found = record.peak
    return None if found is None else of_passes((*found.before.int8_ops_per_s, *found.after.int8_ops_per_s))


def _f32(record: RunRecord, of_passes: OfPasses) -> float | None:
    found = record.peak
    return None if found is None else of_passes((*found.before.f32_ops_per_s, *found.after.f32_ops_per_s))


def _on_int8(record: RunRecord) -> bool:
    """Whether products run on int8 activations: of q4 and q8, but not in layout mlc, which computes in floats."""
    scheme, layout = SCHEMES.get(record.model.quant), record.weights.layout
    return scheme is not None and scheme.act == "int8" and (layout == LAYOUT or (layout or "").startswith("gguf-"))


def _per_s(rate: Stat | None, tokens: int) -> float | None:
    """How often a second `tokens` tokens were done."""
    return None if rate is None else rate.median / tokens


def _times(amount: float | None, per_s: float | None) -> float | None:
    return None if amount is None or per_s is None else amount * per_s


def _mean(samples: tuple[float, ...]) -> float | None:
    return statistics.fmean(samples) if samples else None


def _median(samples: tuple[float, ...]) -> float | None:
    return statistics.median(samples) if samples else None


def _max(samples: tuple[float, ...]) -> float | None:
    return max(samples, default=None)
