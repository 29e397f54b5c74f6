"""Quantisation schemes and their oracle: what the stored integers and scales of a matrix are.

The functions here are the definition, written to be read. The converter's fast path is held to them bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lab.core.errors import ModelError
from lab.core.suggest import unknown

F32 = npt.NDArray[np.float32]
F16 = npt.NDArray[np.float16]
I8 = npt.NDArray[np.int8]
U8 = npt.NDArray[np.uint8]
Array = npt.NDArray[Any]

GROUP = 32


@dataclass(frozen=True)
class QuantScheme:
    """How the matrices of a model are stored and computed with.

    `bits` a weight, without its share of a scale; `group` weights along K share one scale (0: no scales);
    `act` is what activations become before a matrix product; `kv_dtype` is the type of the KV cache;
    `rel_error_layer` is how far the logits of a one-layer network may be from the reference (norm of the
    difference over norm of the reference).
    """

    name: str
    bits: int
    group: int
    symmetric: bool
    scale_dtype: str | None
    mlc_name: str | None
    kv_dtype: Literal["float16", "float32"]
    act: Literal["int8", "none"]
    rel_error_layer: float

    @property
    def quantised(self) -> bool:
        """Whether matrices are integers with scales, rather than plain floats."""
        return self.group > 0

    def rel_error_max(self, layers: int) -> float:
        """Return how far the logits of `layers` layers may be from the reference, with int8 activations where
        the scheme has them."""
        return grown(self.rel_error_layer, layers)

    @property
    def weight_dtype(self) -> str:
        """The type of a matrix's main tensor on disk."""
        return "uint8" if self.quantised else f"float{self.bits}"


def grown(rel_error_layer: float, layers: int) -> float:
    """Return the tolerance for `layers` layers from that of one.

    Roundings of the layers add up like noise. Random weights gave 0.019, 0.025, 0.042 and 0.064 for q4 with
    1, 2, 8 and 32 layers of Phi-3-mini: the cube root of the layers, about twice over, bounds them.
    """
    return float(rel_error_layer * layers ** (1 / 3))


SCHEMES: dict[str, QuantScheme] = {
    scheme.name: scheme
    for scheme in (
        QuantScheme("q4", 4, GROUP, True, "float16", "q4f16_1", "float16", "int8", 0.04),
        QuantScheme("q8", 8, GROUP, True, "float16", None, "float16", "int8", 0.04),
        QuantScheme("f16", 16, 0, True, None, "q0f16", "float16", "none", 3e-3),
        QuantScheme("f32", 32, 0, True, None, "q0f32", "float32", "none", 1e-3),
    )
}


def scheme(name: str) -> QuantScheme:
    """Return the scheme called `name`; ModelError with suggestions when there is none."""
    if name not in SCHEMES:
        raise ModelError(unknown("quantisation", name, SCHEMES))
    return SCHEMES[name]


def quantise(w: F32, scheme: QuantScheme) -> tuple[I8, F16]:
    """Quantise `w` [N, K] to integers [N, K] and scales [N, K/32]; a weight is about integer x scale.

    q4: the group's value of largest magnitude (the negative one where two tie) becomes -8, so it is exact
    up to the rounding of the scale to float16; the rest round to -8..7. q8: that magnitude becomes 127.
    """
    groups = w.reshape(w.shape[0], -1, scheme.group)
    scale = group_scale(groups.min(axis=2), groups.max(axis=2), scheme)
    with np.errstate(divide="ignore"):
        inverse = np.where(scale == 0, np.float32(0), np.float32(1) / scale.astype(np.float32))
    low, high = integer_range(scheme)
    q = np.clip(np.rint(groups * inverse[:, :, None]), low, high)
    return q.astype(np.int8).reshape(w.shape), scale


def dequantise(q: I8, scale: Array) -> F32:
    """Return the float32 weights [N, K] that integers [N, K] and scales [N, K/group] stand for."""
    group = q.shape[1] // scale.shape[1]
    return q.astype(np.float32) * np.repeat(scale.astype(np.float32), group, axis=1)


def group_scale(low: F32, high: F32, scheme: QuantScheme) -> F16:
    """Return the scale of each group from its smallest and largest value; not finite where those are too big."""
    with np.errstate(over="ignore"):
        if scheme.bits == 4:
            return (np.where(-low >= high, low, high) / np.float32(-8)).astype(np.float16)
        return (np.maximum(-low, high) / np.float32(127)).astype(np.float16)


def integer_range(scheme: QuantScheme) -> tuple[int, int]:
    """Return the smallest and the largest integer that `scheme` stores."""
    return (-8, 7) if scheme.bits == 4 else (-127, 127)
