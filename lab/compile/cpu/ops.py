"""The operations of a network on a CPU: this package's kernels, chosen by ISA record and quantisation scheme."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm.relax.frontend import nn

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.attention_decode import decode_attention
from lab.compile.cpu.kernels.attention_merge import merge_states
from lab.compile.cpu.kernels.attention_prefill import paged_attention, ragged_attention
from lab.compile.cpu.kernels.embed import float_embed, quantised_embed
from lab.compile.cpu.kernels.encode import activated, copied, encoded, normalised
from lab.compile.cpu.kernels.encoding import Encoding, encoding_for
from lab.compile.cpu.kernels.kv_pages import append_pages, copy_page, move_slots, read_pages
from lab.compile.cpu.kernels.linear import quantised_linear
from lab.compile.cpu.kernels.linear_float import float_linear
from lab.compile.cpu.kernels.linear_row import row_linear
from lab.compile.cpu.kernels.rope import rope_table, split_rotary
from lab.compile.kv_cache import CacheKernels, create_kv_cache, longrope_limit
from lab.compile.tir.sizes import BLOCK, GROUP, divided
from lab.models.activation import Activation
from lab.models.family import Sizes
from lab.models.layouts.n16k4 import LAYOUT
from lab.models.ops import Acts, Matrix, Norm
from lab.models.quant import QuantScheme

Tensor = Any


class CpuOps:
    """Emits written-out kernels: nothing is left for a later pass to fuse or schedule."""

    layout = LAYOUT

    def __init__(self, isa: Isa, scheme: QuantScheme) -> None:
        self.isa, self.scheme = isa, scheme
        self._last: tuple[Tensor, Norm, bool, bool, Acts] | None = None

    def embed(self, ids: Tensor, table: Matrix, *, scale: float = 1.0) -> Tensor:
        """Return the rows of the table that int32 ids [n] name, times `scale`, float32 [n, hidden]."""
        shape = (padded(table.rows), table.columns, scale)
        if self.scheme.quantised:
            kernel = quantised_embed(self.scheme.bits, *shape)
        else:
            kernel = float_embed(self.scheme.weight_dtype, *shape)
        return call_kernel(kernel, "embed", [ids, *table.tensors], [([ids.shape[0], table.columns], "float32")])[0]

    def normed(
        self, x: Tensor, norm: Norm, matrix: Matrix, *, last_row: bool = False, dtype: str = "float32"
    ) -> Tensor:
        """Return the norm of [n, hidden], or of its last row, times the matrix transposed [n, rows of the layout]."""
        return self._linear(self._normalise(x, norm, last_row, matrix.fine_rows > 0), matrix, dtype=dtype)

    def activated(self, x: Tensor, norm: Norm, matrix: Matrix, activation: Activation) -> Acts:
        """Return the activation of each row of `normed`, ready for a product."""
        return self.active(self.normed(x, norm, matrix), activation)

    def active(self, x: Tensor, activation: Activation) -> Acts:
        """Return the activation of each row of float32 [n, features], ready for a product."""
        rows, features = x.shape[0], x.shape[1] // activation.halves
        encoding = self._encoding(rows)
        value = activated(activation, features)
        kernel = encoded(encoding, features, activation.halves * features, value, "float32")
        return _encode(kernel, "gate" if activation.gated else "activate", [x], encoding, rows, features)

    def added(self, acts: Acts, matrix: Matrix, residual: Tensor) -> Tensor:
        """Return the residual plus acts times the matrix transposed, float32 [n, rows]."""
        return self._linear(acts, matrix, add=residual)

    def _normalise(self, x: Tensor, norm: Norm, last_row: bool, fine: bool) -> Acts:
        """Return the norm of x; parallel blocks ask twice for the same, and get it once, with the finer's two terms."""
        if self._last is not None:
            of, by, row, finer, acts = self._last
            if of is x and by is norm and row == last_row and fine <= finer:
                return acts
        acts = self._norm_of(x, norm, last_row, fine)
        self._last = (x, norm, last_row, fine, acts)
        return acts

    def _norm_of(self, x: Tensor, norm: Norm, last_row: bool, fine: bool) -> Acts:
        rows, features = (1 if last_row else x.shape[0]), x.shape[1]
        encoding = self._encoding(rows, fine=fine)
        kernel = normalised(encoding, features, norm.eps, last_row=last_row, kind=norm.kind)
        return _encode(kernel, "normalise", [x, *norm.tensors], encoding, rows, features)

    def encode(self, x: Tensor) -> Acts:
        """Return [n, features] ready for a product."""
        rows, features = x.shape
        encoding = self._encoding(rows)
        kernel = encoded(encoding, features, features, copied, x.dtype)
        return _encode(kernel, "encode", [x], encoding, rows, features)

    def _linear(self, acts: Acts, matrix: Matrix, *, add: Tensor | None = None, dtype: str = "float32") -> Tensor:
        tile_rows, out_rows = self._encoding(acts.rows).tile_rows, padded(matrix.rows)
        shape = (matrix.columns, out_rows, tile_rows)
        options: dict[str, Any] = {"residual": add is not None, "out_dtype": dtype}
        if matrix.scaled[1] != 1.0:
            options["scaled"] = matrix.scaled
        if matrix.bias is not None:
            options["bias_rows"] = matrix.rows
        if self.scheme.quantised and _is_one(acts.rows):
            kernel = row_linear(self.isa, self.scheme.bits, matrix.columns, out_rows, **options)
        elif self.scheme.quantised:
            terms = divided(int(acts.tensors[0].shape[1]) * GROUP, matrix.columns)
            options |= {"terms": terms, "fine_rows": matrix.fine_rows}
            kernel = quantised_linear(self.isa, self.scheme.bits, *shape, **options)
        else:
            kernel = float_linear(self.isa, self.scheme.weight_dtype, *shape, **options)
        args = [*acts.tensors, *matrix.tensors, *(one for one in (matrix.bias, add) if one is not None)]
        return call_kernel(kernel, "linear", args, [([acts.rows, out_rows], dtype)])[0]

    def create_kv_cache(self, config: Sizes, dtype: str, limits: Sequence[Any]) -> Tensor:
        """Return the paged KV cache; limits: batch, tokens, chunk, page size, sliding window support."""
        return create_cpu_kv_cache(self.isa, config, dtype, limits)

    def _encoding(self, rows: Any, *, fine: bool = False) -> Encoding:
        """Return the encoding for so many rows: one row is a tile of its own, an unknown number gets tiles.

        One row takes two terms for every product: it waits for weights anyway.
        """
        terms = 2 if fine or _is_one(rows) else 1
        return encoding_for(self.isa, self.scheme.bits, one_row=_is_one(rows), terms=terms)


def padded(rows: int) -> int:
    """Return `rows` rounded up to the layout's block."""
    return -(-rows // BLOCK) * BLOCK


def _is_one(rows: Any) -> bool:
    return isinstance(rows, int) and rows == 1


def _encode(kernel: Any, name: str, args: list[Tensor], encoding: Encoding, rows: Any, features: int) -> Acts:
    """Emit a call of an encoding kernel."""
    tiles = 1 if _is_one(rows) else (rows + encoding.tile_rows - 1) // encoding.tile_rows
    return Acts(call_kernel(kernel, name, args, encoding.shapes(tiles, features)), rows)


def call_kernel(
    kernel: Any, name: str, args: list[Tensor], outputs: Sequence[tuple[Sequence[Any], str]]
) -> list[Tensor]:
    """Emit a call of the kernel and return its outputs."""
    places = [nn.Tensor.placeholder(list(shape), dtype) for shape, dtype in outputs]
    # Without a symbol of its own the builder names the kernel and shares equal ones.
    result = nn.op.tensor_ir_op(
        kernel.without_attr("global_symbol"), name, args, places[0] if len(places) == 1 else places
    )
    return [result] if len(places) == 1 else list(result)


Expr = Any


def create_cpu_kv_cache(isa: Isa, config: Sizes, dtype: str, limits: Sequence[Expr]) -> Any:
    """Return the expression that creates the cache with this package's CPU kernels."""
    heads, kv_heads, dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    attention = (isa, heads, kv_heads, dim, dtype, config.attention_window, config.sparse_pattern)
    kernels = CacheKernels(
        append=append_pages(kv_heads, dim, dtype),
        ragged=ragged_attention(*attention),
        paged=paged_attention(*attention),
        decode=decode_attention(*attention),
        merge=merge_states(dim, dtype),
        split=split_rotary(heads, kv_heads, dim, dtype, config.rotary_dim),
        copy=copy_page(kv_heads, dim, dtype),
        read=read_pages(config.num_hidden_layers, kv_heads, dim, dtype),
        move=move_slots(kv_heads, dim, dtype),
        table=rope_table(config.rotary_dim, longrope_limit(config), config.attention_scaling),
    )
    return create_kv_cache(kernels, config, dtype, limits)
