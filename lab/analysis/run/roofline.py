"""What was achieved, held against what the same session measured the device to be able to do."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from lab.analysis.run.gpu import is_gpu_run
from lab.analysis.run.stats import Stat
from lab.analysis.run.work import Work, decode_work, prefill_work, prefilled
from lab.formats.run.blocks import PeakKind as Kind
from lab.formats.run_record import Cell, RunRecord
from lab.models.layouts.n16k4 import LAYOUT
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
    prefills = _per_s(metrics.get("prefill_tok_per_s"), prefilled(record, cell))
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

    Other programs and a CPU quota slow some passes down and not others, so no slower one proves a rate wrong. Nor does
    the fastest of several repetitions: it may have had the machine at a moment when no pass was made. Nor is decode of
    a model that is smaller than the buffer of a pass held to it.
    """
    if is_gpu_run(record):
        return None, None
    prefills = _per_s(metrics.get("prefill_tok_per_s"), prefilled(record, cell))
    prefill = _times(_least_s(record, prefill_work(record, cell), _max), prefills)
    read = _times(decode_work(record, cell).bytes, _per_s(metrics.get("decode_tok_per_s"), 1))
    fastest = max(_all_passes(record), default=0)
    return read / fastest if read is not None and fastest and _leaves_caches(record, cell) else None, prefill


def _leaves_caches(record: RunRecord, cell: Cell) -> bool:
    """Whether a step reads no less than a pass did: caches hold more of a smaller model than of the buffer."""
    step, buffer = decode_work(record, cell).bytes, record.plan.bandwidth_bytes
    return buffer is None or (step is not None and step >= buffer)


def _all_passes(record: RunRecord) -> Iterator[float]:
    """Yield every bandwidth of the session: before and after it, and around each repetition of every cell."""
    if record.bandwidth is not None:
        yield from (*record.bandwidth.before, *record.bandwidth.after)
    for cell in record.cells:
        for repetition in cell.repetitions:
            yield from repetition.bandwidth_bytes_per_s or ()


def _of_roof(cell: Cell, step_bytes: float | None, read: float | None, roof_of_run: float | None) -> float | None:
    """Return decode's fraction of the roof: medians against medians.

    Each repetition is held against the median bandwidth right before and after it, and the median of those fractions
    counts; records without it are held against the roof of the whole run.
    """
    if step_bytes is None:
        return None
    own = [
        step_bytes * one.decode_tok_per_s / limit
        for one in cell.repetitions
        if one.status == "ok" and one.decode_tok_per_s and (limit := _median(one.bandwidth_bytes_per_s or ()))
    ]
    if own:
        return statistics.median(own)
    return read / roof_of_run if read is not None and roof_of_run else None


def roof(record: RunRecord) -> float | None:
    """Return the median of the bandwidths measured before and after, in bytes/s."""
    found = record.bandwidth
    return None if found is None else _median((*found.before, *found.after))


def matrix_kinds(record: RunRecord) -> tuple[Kind, ...]:
    """Return the peaks that products with this run's weights are held against; the highest of them counts.

    Weights of 4 bits meet int8 activations in instructions for nibbles or in those for bytes, weights of 8 in the
    latter. Floats where activations stay floats: those of f16 and f32, and of q4 in layout mlc.
    """
    scheme, layout = SCHEMES.get(record.model.quant), record.weights.layout
    own = layout == LAYOUT or (layout or "").startswith("gguf-")
    if scheme is None or scheme.act != "int8" or not own:
        return ("f32",)
    return ("int4", "int8") if scheme.bits == 4 else ("int8",)


def matrix_peak(record: RunRecord) -> float | None:
    """Return the median of the passes, before and after, of the peak that bounds products with weights, operations/s.

    In records of before int4 was measured that is int8.
    """
    return _matrix(record, _median)


def least_prefill_s(record: RunRecord, work: Work) -> float | None:
    """Return the seconds that the work takes at the measured peaks; null without them.

    Products with weights run at `matrix_peak`, attention always at the f32 peak.
    """
    return _least_s(record, work, _median)


def _least_s(record: RunRecord, work: Work, of_passes: OfPasses) -> float | None:
    matrix, f32 = _matrix(record, of_passes), _peak(record, "f32", of_passes)
    if work.matrix_ops is None or work.attention_ops is None or not matrix or not f32:
        return None
    return work.matrix_ops / matrix + work.attention_ops / f32


def _matrix(record: RunRecord, of_passes: OfPasses) -> float | None:
    peaks = (_peak(record, kind, of_passes) for kind in matrix_kinds(record))
    return max((peak for peak in peaks if peak is not None), default=None)


def _peak(record: RunRecord, kind: Kind, of_passes: OfPasses) -> float | None:
    found = record.peak
    return None if found is None else of_passes((*found.before.of(kind), *found.after.of(kind)))


def _per_s(rate: Stat | None, tokens: int) -> float | None:
    """How often a second `tokens` tokens were done."""
    return None if rate is None else rate.median / tokens


def _times(amount: float | None, per_s: float | None) -> float | None:
    return None if amount is None or per_s is None else amount * per_s


def _median(samples: tuple[float, ...]) -> float | None:
    return statistics.median(samples) if samples else None


def _max(samples: tuple[float, ...]) -> float | None:
    return max(samples, default=None)
