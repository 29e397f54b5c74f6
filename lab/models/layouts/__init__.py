"""The layouts of weights.bin by name.

"n16k4" is for this project's own kernels on CPUs, "mlc" for MLC-LLM's libraries, "mlc-kn" and "mlc-kn-f32" for kernels
on GPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from lab.core.errors import ModelError
from lab.models.layouts import mlc as layout_mlc
from lab.models.layouts import n16k4 as layout
from lab.models.layouts.kn import KN_F16, KN_F32, quantise_f32
from lab.models.quant import F32, I8, Array, QuantScheme


class Layout(Protocol):
    """What the module of a layout has; a matrix is [N, K], in blocks of `BLOCK_ROWS` rows."""

    @property
    def LAYOUT(self) -> str:  # noqa: N802
        """Its name."""

    @property
    def ROW_AXIS(self) -> int:  # noqa: N802
        """The axis of a stored tensor along which blocks of rows lie."""

    @property
    def BLOCK_ROWS(self) -> int:  # noqa: N802
        """The rows of a block."""

    @property
    def Q_DTYPE(self) -> str:  # noqa: N802
        """The type of packed integers."""

    def holds(self, scheme: QuantScheme) -> bool:
        """Whether the layout can hold `scheme`."""

    def scale_dtype(self, scheme: QuantScheme) -> str:
        """Return the type of scales."""

    def kv_dtype(self, scheme: QuantScheme) -> str:
        """Return the type of the KV cache of the kernels that read this layout."""

    def rel_error_layer(self, scheme: QuantScheme) -> float:
        """Return how far one layer's logits may be from the reference, as the kernels compute."""

    def param_name(self, hf_name: str, suffix: str) -> str:
        """Return the name of a stored tensor; `suffix` is "weight", "q_weight" or "q_scale"."""

    def ordered(self, hf_names: Iterable[str]) -> Iterable[str]:
        """Return the names, which come in the network's order, in the order of weights.bin."""

    def vector_dtype(self, scheme: QuantScheme) -> str:
        """Return the type of a norm's weights."""

    def padded_rows(self, rows: int) -> int:
        """Return `rows` rounded up to whole blocks."""

    def q_shape(self, rows: int, k: int, bits: int) -> tuple[int, ...]:
        """Return the shape of packed integers."""

    def scale_shape(self, rows: int, k: int) -> tuple[int, ...]:
        """Return the shape of packed scales."""

    def dense_shape(self, rows: int, k: int) -> tuple[int, ...]:
        """Return the shape of packed floats."""

    def pack_q(self, q: I8, bits: int) -> Array:
        """Pack integers [N, K]."""

    def unpack_q(self, packed: Array, rows: int, bits: int) -> I8:
        """Undo `pack_q`."""

    def pack_scale(self, scale: Array) -> Array:
        """Pack scales [N, G]."""

    def unpack_scale(self, packed: Array, rows: int) -> Array:
        """Undo `pack_scale`."""

    def pack_dense(self, w: Array) -> Array:
        """Pack floats [N, K]."""

    def unpack_dense(self, packed: Array, rows: int) -> Array:
        """Undo `pack_dense`."""


_KN = {kn.LAYOUT: kn for kn in (KN_F16, KN_F32)}
_LAYOUTS: dict[str, Layout] = {layout.LAYOUT: layout, layout_mlc.LAYOUT: layout_mlc, **_KN}
_EMBEDDINGS: dict[str, Layout] = {name: replace(kn, ROW_AXIS=0) for name, kn in _KN.items()}
_MLC_FORMULAS: dict[str, Callable[[F32], tuple[I8, Array]]] = {
    layout_mlc.LAYOUT: layout_mlc.quantise,
    KN_F16.LAYOUT: layout_mlc.quantise,
    KN_F32.LAYOUT: quantise_f32,
}


def layout_named(name: str, scheme: QuantScheme, *, embedding: bool = False) -> Layout:
    """Return the layout called `name`, of matrices or of the embedding table.

    Raises ModelError when there is none, or it can't hold `scheme`.
    """
    if name not in _LAYOUTS:
        raise ModelError(f"unknown weight layout {name!r}; known: {', '.join(_LAYOUTS)}")
    if not _LAYOUTS[name].holds(scheme):
        raise _cannot_hold(name, scheme)
    return _EMBEDDINGS.get(name, _LAYOUTS[name]) if embedding else _LAYOUTS[name]


def mlc_formula(name: str) -> Callable[[F32], tuple[I8, Array]] | None:
    """Return how the layout called `name` quantises by MLC-LLM's formula; None where it is this project's own."""
    return _MLC_FORMULAS.get(name)


def _cannot_hold(name: str, scheme: QuantScheme) -> ModelError:
    if scheme.mlc_name is None:
        return ModelError(f"{scheme.name}: MLC-LLM has no such quantisation", hint="`lab models` lists what has one")
    other = "f16" if scheme.name == "f32" else "f32"
    return ModelError(
        f"{scheme.name}: weight layout {name} holds q4 and {other}",
        hint=f"choose a model with {other} or q4, or a GPU family that computes in {scheme.weight_dtype}",
    )
