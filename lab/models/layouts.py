"""The layouts of weights.bin by name: "n16k4" for this project's own kernels, "mlc" for MLC-LLM's libraries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from lab.core.errors import ModelError
from lab.models import layout, layout_mlc
from lab.models.quant import F16, I8, Array, QuantScheme


class Layout(Protocol):
    """What the module of a layout has; a matrix is [N, K], in blocks of `BLOCK_ROWS` rows."""

    LAYOUT: str
    BLOCK_ROWS: int
    Q_DTYPE: str

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

    def pack_scale(self, scale: F16) -> F16:
        """Pack scales [N, G]."""

    def unpack_scale(self, packed: F16, rows: int) -> F16:
        """Undo `pack_scale`."""

    def pack_dense(self, w: Array) -> Array:
        """Pack floats [N, K]."""

    def unpack_dense(self, packed: Array, rows: int) -> Array:
        """Undo `pack_dense`."""


_LAYOUTS: dict[str, Layout] = {layout.LAYOUT: layout, layout_mlc.LAYOUT: layout_mlc}


def layout_named(name: str, scheme: QuantScheme) -> Layout:
    """Return the layout called `name`; ModelError when there is none, or it can't hold `scheme`."""
    if name not in _LAYOUTS:
        raise ModelError(f"unknown weight layout {name!r}; known: {', '.join(_LAYOUTS)}")
    if name == layout_mlc.LAYOUT and scheme.mlc_name is None:
        raise ModelError(f"{scheme.name}: MLC-LLM has no such quantisation", hint="`lab models` lists what has one")
    return _LAYOUTS[name]
