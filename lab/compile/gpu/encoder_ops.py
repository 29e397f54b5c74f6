"""The operations of image encoders on a GPU, and of norms that stand between products."""

from __future__ import annotations

from typing import Any

from tvm.relax.frontend import nn

from lab.compile.gpu.kernels.encoder import active_rows, full_attention, normed_heads
from lab.compile.gpu.kernels.norm import rms_norm
from lab.compile.gpu.ops import GpuOps, _call, _kind
from lab.models.activation import Activation
from lab.models.ops import Acts, Matrix, Norm

Tensor = Any


class GpuEncoderOps(GpuOps):
    """All that a GPU can do."""

    def product(self, acts: Acts, matrix: Matrix) -> Tensor:
        """Return acts times the matrix transposed, float32 [n, rows]."""
        return self._product(acts, matrix, [])

    def active(self, x: Tensor, activation: Activation) -> Acts:
        """Return the activation of each row, ready for a product."""
        kernel = active_rows(self.gpu, x.shape[1], activation, self.gpu.storage)
        return self.encode(_call(kernel, activation.name, [x], list(x.shape), self.gpu.storage))

    def norm(self, x: Tensor, norm: Norm) -> Tensor:
        """Return the norm of each row, float32 [n, features]."""
        return self._norm_of(x, norm, "float32")

    def norm_added(self, x: Tensor, norm: Norm, residual: Tensor) -> Tensor:
        """Return the residual plus the RMSNorm of each row, float32 [n, features]."""
        kernel = rms_norm(self.tiles.row_threads, x.shape[1], _kind(norm), "float32", residual=True)
        return _call(kernel, "norm_added", [x, *norm.tensors, residual], list(x.shape), "float32")

    def heads_normed(self, qkv: Tensor, query: Norm, key: Norm, heads: int, factor: float, dtype: str) -> Tensor:
        """Return fused rows [n, heads of all, D], queries (then times `factor`) and keys with a LayerNorm."""
        kv_heads, norm = (qkv.shape[1] - heads) // 2, (query.weight.dtype, query.eps)
        kernel = normed_heads(self.gpu, heads, kv_heads, qkv.shape[2], norm, factor, dtype)
        return _call(kernel, "heads", [qkv, *query.tensors, *key.tensors], list(qkv.shape), dtype)

    def attended(self, q: Tensor, kv: Tensor, heads: int) -> Tensor:
        """Return attention of every row to every row, float32 [n, heads, D]."""
        kernel = full_attention(self.gpu, heads, q.shape[2], kv.shape[1] - 2 * heads)
        shapes = ([q.shape[0], heads, q.shape[2]], [q.shape[0], heads])
        places = [nn.Tensor.placeholder(shape, "float32") for shape in shapes]
        return nn.op.tensor_ir_op(kernel.without_attr("global_symbol"), "attention", [q, kv], places)[0]
