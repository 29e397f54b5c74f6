"""The operations of a network on a GPU: this package's kernels; one row takes as few launches as there are products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm.relax.frontend import nn

from lab.compile.gpu import Gpu
from lab.compile.gpu.kernels.attention_decode import decode_attention
from lab.compile.gpu.kernels.attention_merge import merge_states
from lab.compile.gpu.kernels.attention_prefill import paged_attention, ragged_attention
from lab.compile.gpu.kernels.gemm import gemm
from lab.compile.gpu.kernels.gemv import gemv
from lab.compile.gpu.kernels.kv_pages import append_pages, copy_page, move_slots, read_pages
from lab.compile.gpu.kernels.norm import NormOf, layer_norm, rms_norm
from lab.compile.gpu.kernels.rope import rope_table, split_rotary
from lab.compile.gpu.kernels.table_rows import embed, gemv_rows
from lab.compile.gpu.kernels.weights import Weights
from lab.compile.gpu.tile import tiles
from lab.compile.kv_cache import CacheKernels, create_kv_cache, longrope_limit
from lab.compile.tir.narrow import AS_IT_IS
from lab.models.activation import Activation
from lab.models.family import Sizes
from lab.models.ops import Acts, Matrix, Norm
from lab.models.quant import QuantScheme

Tensor = Any


class GpuOps:
    """Emits written-out kernels: for one row a product with all that stands around it, for many also a norm."""

    def __init__(self, gpu: Gpu, scheme: QuantScheme) -> None:
        self.gpu, self.scheme, self.layout, self.tiles = gpu, scheme, gpu.layout, tiles(gpu)
        self._last: tuple[Tensor, Norm, Tensor] | None = None

    def embed(self, ids: Tensor, table: Matrix, *, scale: float = 1.0) -> Tensor:
        """Return the rows of the table that int32 ids [n] name, times `scale`, float32 [n, hidden]."""
        kernel = embed(self.tiles.row_threads, self._weights(table), scale)
        return _call(kernel, "embed", [ids, *table.tensors], [ids.shape[0], table.columns], "float32")

    def normed(
        self, x: Tensor, norm: Norm, matrix: Matrix, *, last_row: bool = False, dtype: str = "float32"
    ) -> Tensor:
        """Return the norm of [n, hidden], or of its last row, times the matrix transposed [n, rows]."""
        return self._normed(x, norm, matrix, last_row=last_row, dtype=dtype)

    def activated(self, x: Tensor, norm: Norm, matrix: Matrix, activation: Activation) -> Acts:
        """Return the activation of each row of `normed`, ready for a product."""
        return self.encode(self._normed(x, norm, matrix, activation=activation, dtype=self.gpu.storage))

    def encode(self, x: Tensor) -> Acts:
        """Return [n, features] as it is: products read floats."""
        return Acts([x], x.shape[0])

    def added(self, acts: Acts, matrix: Matrix, residual: Tensor) -> Tensor:
        """Return the residual plus acts times the matrix transposed, float32 [n, rows]."""
        return self._product(acts, matrix, [residual])

    def _product(self, acts: Acts, matrix: Matrix, residual: list[Tensor]) -> Tensor:
        x, weights = acts.tensors[0], self._weights(matrix)
        options: dict[str, Any] = {"bias": _bias_dtype(matrix), "residual": bool(residual)}
        if _is_one(acts.rows):
            kernel = gemv(self.tiles.gemv, weights, x.dtype, "float32", **options)
        else:
            kernel = gemm(self.tiles.gemm, weights, x.dtype, "float32", **options)
        name = _named(matrix, acts.rows)
        return _call(kernel, name, [x, *_tensors(matrix), *residual], [acts.rows, matrix.rows], "float32")

    def create_kv_cache(self, config: Sizes, dtype: str, limits: Sequence[Any]) -> Tensor:
        """Return the paged KV cache; limits: batch, tokens, chunk, page size, sliding window support."""
        return create_gpu_kv_cache(self.gpu, config, dtype, limits)

    def _normed(
        self,
        x: Tensor,
        norm: Norm,
        matrix: Matrix,
        *,
        dtype: str,
        last_row: bool = False,
        activation: Activation | None = None,
    ) -> Tensor:
        weights, columns = self._weights(matrix), matrix.rows // (1 if activation is None else activation.halves)
        if matrix.embedding:
            return self._tied_head(x, norm, matrix, dtype)
        scaled = matrix.scaled if matrix.scaled[1] != 1.0 else AS_IT_IS
        options: dict[str, Any] = {"activation": activation, "bias": _bias_dtype(matrix), "scaled": scaled}
        if last_row or _is_one(x.shape[0]):
            kernel = gemv(self.tiles.gemv, weights, x.dtype, dtype, norm=_kind(norm), **options)
            return _call(kernel, _named(matrix, 1), [x, *norm.tensors, *_tensors(matrix)], [1, columns], dtype)
        kernel = gemm(self.tiles.gemm, weights, self.gpu.storage, dtype, **options)
        args = [self._normalise(x, norm), *_tensors(matrix)]
        return _call(kernel, _named(matrix, x.shape[0]), args, [x.shape[0], columns], dtype)

    def _tied_head(self, x: Tensor, norm: Norm, matrix: Matrix, dtype: str) -> Tensor:
        """Return the product of the last row: a workgroup has few rows of the table, so LayerNorm is not done in it."""
        kind: NormOf | None = _kind(norm)
        args, bias = [x, *norm.tensors], _bias_dtype(matrix)
        if norm.kind == "layer":
            kernel = layer_norm(self.tiles.row_threads, matrix.columns, _kind(norm), "float32", last_row=True)
            args, kind = [_call(kernel, "layer_norm", args, [1, matrix.columns], "float32")], None
        kernel = gemv_rows(self.tiles.row_threads, self._weights(matrix), kind, bias)
        return _call(kernel, "tied_head", [*args, *_tensors(matrix)], [1, matrix.rows], dtype)

    def _normalise(self, x: Tensor, norm: Norm) -> Tensor:
        """Return the norm of x for products; parallel blocks ask twice for the same, and get it once."""
        if self._last is None or self._last[0] is not x or self._last[1] is not norm:
            self._last = (x, norm, self._norm_of(x, norm, self.gpu.storage))
        return self._last[2]

    def _norm_of(self, x: Tensor, norm: Norm, dtype: str) -> Tensor:
        make = rms_norm if norm.kind == "rms" else layer_norm
        kernel = make(self.tiles.row_threads, x.shape[1], _kind(norm), dtype)
        return _call(kernel, f"{norm.kind}_norm", [x, *norm.tensors], list(x.shape), dtype)

    def _weights(self, matrix: Matrix) -> Weights:
        return Weights(matrix.columns, matrix.rows, self.scheme.bits, self.gpu.storage)


def _kind(norm: Norm) -> NormOf:
    return NormOf(norm.weight.dtype, norm.eps, norm.kind == "layer")


def _tensors(matrix: Matrix) -> list[Tensor]:
    """Return what kernels take of the matrix: the weights, then the bias, where there is one."""
    return [*matrix.tensors, *([] if matrix.bias is None else [matrix.bias])]


def _bias_dtype(matrix: Matrix) -> str | None:
    return None if matrix.bias is None else str(matrix.bias.dtype)


def _is_one(rows: Any) -> bool:
    return isinstance(rows, int) and rows == 1


def _named(matrix: Matrix, rows: Any) -> str:
    """Return what profiles call the product: one of many rows is another kernel."""
    return matrix.name if _is_one(rows) else f"{matrix.name}_rows"


def _call(kernel: Any, name: str, args: list[Tensor], shape: list[Any], dtype: str) -> Tensor:
    """Emit a call of the kernel and return its output."""
    place = nn.Tensor.placeholder(shape, dtype)
    # Without a symbol of its own the builder names the kernel and shares equal ones.
    return nn.op.tensor_ir_op(kernel.without_attr("global_symbol"), name, args, place)


Expr = Any


def create_gpu_kv_cache(gpu: Gpu, config: Sizes, dtype: str, limits: Sequence[Expr]) -> Any:
    """Return the expression that creates the cache; limits: batch, tokens, chunk, page size, sliding window support.

    A decode step is three launches a layer: split, append, attention. Raises CompileError when a kernel needs more
    threads or shared memory than the GPU has.
    """
    heads, kv_heads, dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    attention = (gpu, heads, kv_heads, dim, dtype, config.attention_window, config.sparse_pattern)
    kernels = CacheKernels(
        append=append_pages(gpu, kv_heads, dim, dtype),
        ragged=ragged_attention(*attention),
        paged=paged_attention(*attention),
        decode=decode_attention(*attention),
        merge=merge_states(gpu, dim, dtype),
        split=split_rotary(gpu, heads, kv_heads, dim, dtype, config.rotary_dim),
        copy=copy_page(gpu, kv_heads, dim, dtype),
        read=read_pages(gpu, config.num_hidden_layers, kv_heads, dim, dtype),
        move=move_slots(gpu, kv_heads, dim, dtype),
        table=rope_table(gpu, config.rotary_dim, longrope_limit(config), config.attention_scaling),
    )
    return create_kv_cache(kernels, config, dtype, limits)
