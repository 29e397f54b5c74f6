"""What a layout is: how the matrices and vectors of a scheme lie in weights.bin, for the kernels that read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.models.quant import F32, GROUP, I8, Array, QuantScheme

Formula = Callable[[F32], tuple[I8, Array]]


@dataclass(frozen=True)
class Layout:
    """One layout. A matrix is [N, K]; blocks of `block_rows` of its rows lie along `row_axis` of the stored tensor.

    `q_shape(rows, k, bits)` and `dense_shape(rows, k)` are the shapes of packed integers, which are of type `q_dtype`,
    and of packed floats. `pack_q(q, bits)` and `pack_dense(w)` pack; `unpack_q(packed, rows, bits)` and
    `unpack_dense(packed, rows)` undo it. Scales [N, K/32] are packed as floats are.

    Of a scheme, `holds` says whether the layout can hold it, `vector_dtype`, `scale_dtype` and `kv_dtype` the types of
    norms, scales and the KV cache, and `rel_error_layer` how far one layer's logits may be from the reference, as its
    kernels compute. `formula` quantises a matrix to integers and scales; None is this project's own, by the scheme.
    With `names_of_mlc`, parameters are named and ordered as MLC-LLM does; else as the network does.
    """

    name: str
    block_rows: int
    row_axis: int
    q_dtype: str
    q_shape: Callable[[int, int, int], tuple[int, ...]]
    dense_shape: Callable[[int, int], tuple[int, ...]]
    pack_q: Callable[[I8, int], Array]
    unpack_q: Callable[[Array, int, int], I8]
    pack_dense: Callable[[Array], Array]
    unpack_dense: Callable[[Array, int], Array]
    holds: Callable[[QuantScheme], bool]
    vector_dtype: Callable[[QuantScheme], str]
    scale_dtype: Callable[[QuantScheme], str]
    kv_dtype: Callable[[QuantScheme], str]
    rel_error_layer: Callable[[QuantScheme], float]
    formula: Formula | None = None
    names_of_mlc: bool = False

    def padded_rows(self, rows: int) -> int:
        """Return `rows` rounded up to whole blocks."""
        return -(-rows // self.block_rows) * self.block_rows

    def scale_shape(self, rows: int, k: int) -> tuple[int, ...]:
        """Return the shape of the packed scales of a [rows, k] matrix."""
        return self.dense_shape(rows, k // GROUP)

    def pack_scale(self, scale: Array) -> Array:
        """Pack scales [N, G]."""
        return self.pack_dense(scale)

    def unpack_scale(self, packed: Array, rows: int) -> Array:
        """Return the scales [rows, G] that `pack_scale` packed."""
        return self.unpack_dense(packed, rows)
