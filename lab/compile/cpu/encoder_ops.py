"""The operations of image encoders on a CPU, and of norms that stand between products."""

from __future__ import annotations

from typing import Any

from lab.compile.cpu.kernels.attention_full import full_attention
from lab.compile.cpu.kernels.norm_rows import normalised_heads, normalised_rows
from lab.compile.cpu.ops import CpuOps, call_kernel
from lab.models.ops import Acts, Matrix, Norm

Tensor = Any


class CpuEncoderOps(CpuOps):
    """All that a CPU can do."""

    def product(self, acts: Acts, matrix: Matrix) -> Tensor:
        """Return acts times the matrix transposed, float32 [n, rows]."""
        return self._linear(acts, matrix)

    def norm(self, x: Tensor, norm: Norm) -> Tensor:
        """Return the norm of each row, float32 [n, features]."""
        kernel = normalised_rows(norm.kind, x.shape[1], norm.eps, residual=False)
        return call_kernel(kernel, "norm", [x, *norm.tensors], [(x.shape, "float32")])[0]

    def norm_added(self, x: Tensor, norm: Norm, residual: Tensor) -> Tensor:
        """Return the residual plus the RMSNorm of each row, float32 [n, features]."""
        kernel = normalised_rows(norm.kind, x.shape[1], norm.eps, residual=True)
        return call_kernel(kernel, "norm_added", [x, *norm.tensors, residual], [(x.shape, "float32")])[0]

    def heads_normed(self, qkv: Tensor, query: Norm, key: Norm, heads: int, factor: float, dtype: str) -> Tensor:
        """Return fused rows [n, heads of all, D], queries (then times `factor`) and keys with a LayerNorm."""
        kv_heads = (qkv.shape[1] - heads) // 2
        kernel = normalised_heads(heads, kv_heads, qkv.shape[2], query.eps, factor, dtype)
        return call_kernel(kernel, "heads", [qkv, *query.tensors, *key.tensors], [(qkv.shape, dtype)])[0]

    def attended(self, q: Tensor, kv: Tensor, heads: int) -> Tensor:
        """Return attention of every row to every row, float32 [n, heads, D]."""
        kernel = full_attention(self.isa, heads, q.shape[2], kv.shape[1] - 2 * heads)
        return call_kernel(kernel, "attention", [q, kv], [((q.shape[0], heads, q.shape[2]), "float32")])[0]
