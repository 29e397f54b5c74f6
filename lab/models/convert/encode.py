"""One block of rows of a matrix: from floats to packed bytes, and to the floats that those bytes stand for.

This is the fast twin of `lab.models.quant.quantise`: the same arithmetic with fewer passes over memory, held
to it bit for bit by a test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.core.errors import WeightsError
from lab.models.layouts import Layout, layout_named
from lab.models.layouts.n16k4 import LAYOUT
from lab.models.params import Part, packing_of
from lab.models.quant import F16, F32, I8, Array, QuantScheme, group_scale, integer_range
from lab.models.sources.base import QuantisedSource, WeightSource


@dataclass(frozen=True)
class Block:
    """Rows of a matrix: `parts` are packed arrays by part, `values` the float32 [rows, K] they stand for."""

    parts: dict[Part, Array]
    values: F32


def encode_rows(
    source: WeightSource, scheme: QuantScheme, hf_name: str, start: int, stop: int, layout: str = LAYOUT
) -> Block:
    """Read rows start..stop from `source` and encode them; `start` must be a multiple of 16.

    A source that already holds this scheme's integers has them passed through untouched. Else layouts
    of MLC-LLM have its formula, and this project's own layout has its own.
    """
    packing = packing_of(source.config, hf_name, scheme, layout)
    if not scheme.quantised:
        return _dense(source.read_rows(hf_name, start, stop), scheme, packing, hf_name, start)
    if isinstance(source, QuantisedSource) and source.scheme_name == scheme.name:
        q, scale = source.read_quantised(hf_name, start, stop)
        scale = scale.astype(packing.scale_dtype(scheme), copy=False)
    elif packing.formula:
        q, scale = packing.formula(source.read_rows(hf_name, start, stop))
    else:
        w = source.read_rows(hf_name, start, stop)
        scale = scales_fast(w, scheme)
        _check_finite(scale, hf_name, start, stop)
        q = integers_fast(w, scale, scheme)
    _check_finite(scale, hf_name, start, stop)
    parts: dict[Part, Array] = {"q": packing.pack_q(q, scheme.bits), "s": packing.pack_scale(scale)}
    return Block(parts, dequantise_fast(q, scale))


def encode_vector(values: F32, scheme: QuantScheme, hf_name: str, layout: str = LAYOUT) -> Array:
    """Return a norm's weights or a bias [H] in the type that the layout stores."""
    with np.errstate(over="ignore"):
        stored = values.astype(layout_named(layout, scheme).vector_dtype(scheme), copy=False)
    _check_finite(stored, hf_name, 0, len(values))
    return stored


def scales_fast(w: F32, scheme: QuantScheme) -> F16:
    """Return the scales [N, K/group] that `quant.quantise` returns; not finite for values that don't fit."""
    shape = (w.shape[0], w.shape[1] // scheme.group)
    low, high = (_halve(w, pick, scheme.group).reshape(shape) for pick in (np.minimum, np.maximum))
    return group_scale(low, high, scheme)


def integers_fast(w: F32, scale: F16, scheme: QuantScheme) -> I8:
    """Return the integers [N, K] that `quant.quantise` returns; overwrites `w`."""
    inverse = np.zeros(scale.shape, np.float32)
    np.divide(np.float32(1), scale, out=inverse, where=scale != 0, dtype=np.float32)
    groups = w.reshape(*scale.shape, scheme.group)
    np.multiply(groups, inverse[:, :, None], out=groups)
    np.rint(w, out=w)
    np.clip(w, *integer_range(scheme), out=w)
    return w.astype(np.int8)


def dequantise_fast(q: I8, scale: Array) -> F32:
    """Return what `quant.dequantise` returns."""
    values = q.astype(np.float32)
    groups = values.reshape(*scale.shape, -1)
    np.multiply(groups, scale.astype(np.float32)[:, :, None], out=groups)
    return values


def _halve(w: F32, pick: np.ufunc, group: int) -> F32:
    """Return the smallest or largest value of each `group` (a power of two) neighbours, flat.

    Picking from pairs again and again runs twice as fast as a reduction over short rows.
    """
    picked = w.reshape(-1)
    while group > 1:
        picked = pick(picked[0::2], picked[1::2])
        group //= 2
    return picked


def _dense(w: F32, scheme: QuantScheme, packing: Layout, hf_name: str, start: int) -> Block:
    with np.errstate(over="ignore"):
        stored = w.astype(scheme.weight_dtype, copy=False)
    _check_finite(stored, hf_name, start, start + len(w))
    return Block({"w": packing.pack_dense(stored)}, stored.astype(np.float32, copy=False))


def _check_finite(values: Array, hf_name: str, start: int, stop: int) -> None:
    if not np.isfinite(values).all():
        raise WeightsError(
            f"{hf_name}: rows {start} to {stop} hold a value that is not a number, or too large for float16",
            hint="the weights are damaged, or not made for this: get them again",
        )
