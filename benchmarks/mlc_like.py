"""A Phi-3 compiled for a GPU the way MLC-LLM's own pipeline does it, for measuring against.

Not MLC-LLM itself: its recipe in plain TVM. Weights are unpacked by an expression fused into the matrix product
(its FuseDequantizeMatmulEwise), norms, gates and residual sums are operators of their own that FuseOps and FuseTIR join
where they can, and dlight's default rules give every kernel its threads. The KV cache has the same kernels as ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tvm
from tvm import te
from tvm.relax import transform
from tvm.relax.frontend import nn
from tvm.s_tir import dlight

from lab.compile.gpu import Gpu
from lab.compile.gpu.ops import create_gpu_kv_cache
from lab.compile.pipeline import GPU_PHASES, PHASES
from lab.models.activation import Activation
from lab.models.decoder.network import CausalLM
from lab.models.family import Sizes
from lab.models.ops import Acts, Matrix, Norm

Tensor = Any
RULES = (dlight.gpu.Matmul, dlight.gpu.GEMV, dlight.gpu.Reduction, dlight.gpu.GeneralReduction)
MLC_PHASES = (
    GPU_PHASES[0],
    ("legalise", (transform.LegalizeOps(skip_ops=["relax.reshape"]),)),
    (
        "fuse",
        (transform.AnnotateTIROpPattern(), transform.FoldConstant(), transform.FuseOps(), transform.FuseTIR()),
    ),
    ("schedule", (dlight.ApplyDefaultSchedule(*(rule() for rule in RULES), dlight.gpu.Fallback()),)),
    *PHASES[1:],
)


class MlcLikeOps:
    """The operations of the network as MLC-LLM writes them; `by_rows` keeps matrices [N, K], as its q4f16_1 does."""

    def __init__(self, gpu: Gpu, *, by_rows: bool) -> None:
        self.gpu, self.layout, self.by_rows = gpu, gpu.layout, by_rows

    def embed(self, ids: Tensor, table: Matrix, *, scale: float = 1.0) -> Tensor:
        """Return float32 [n, hidden] for int32 ids [n]."""

        def look_up(ids: Any, words: Any, scales: Any) -> Any:
            return te.compute(
                (ids.shape[0], table.columns), lambda m, k: unpacked(words[ids[m], k // 8], k) * scales[ids[m], k // 32]
            )

        return nn.op.tensor_expr_op(look_up, "embed", [ids, *table.tensors])

    def normed(
        self, x: Tensor, norm: Norm, matrix: Matrix, *, last_row: bool = False, dtype: str = "float32"
    ) -> Tensor:
        """Return RMSNorm of all rows, or of the last, times the matrix transposed."""
        if last_row and not isinstance(x.shape[0], int):
            x = nn.op.tensor_expr_op(
                lambda x: te.compute((1, x.shape[1]), lambda i, k: x[x.shape[0] - 1, k]), "last_row", [x]
            )
        return self._product(nn.op.rms_norm(x, norm.weight, axes=-1, epsilon=norm.eps), matrix)

    def activated(self, x: Tensor, norm: Norm, matrix: Matrix, activation: Activation) -> Acts:
        """Return silu(gate) * up of the norm's product."""
        gate, up = nn.op.split(self.normed(x, norm, matrix), 2, axis=-1)
        return self.encode(nn.op.silu(gate) * up)

    def encode(self, x: Tensor) -> Acts:
        """Return activations as they are."""
        return Acts([x], x.shape[0])

    def added(self, acts: Acts, matrix: Matrix, residual: Tensor) -> Tensor:
        """Return the residual plus the product."""
        return self._product(acts.tensors[0], matrix) + residual

    def create_kv_cache(self, config: Sizes, dtype: str, limits: Sequence[Any]) -> Tensor:
        """Return the same KV cache as ours."""
        return create_gpu_kv_cache(self.gpu, config, dtype, limits)

    def _product(self, x: Tensor, matrix: Matrix) -> Tensor:
        rows, columns, by_rows = matrix.rows, matrix.columns, self.by_rows

        def product(x: Any, words: Any, scales: Any) -> Any:
            if by_rows:
                weight = te.compute(
                    (rows, columns), lambda n, k: unpacked(words[n, k // 8], k) * scales[n, k // 32], "dequantize"
                )
            else:
                weight = te.compute(
                    (columns, rows), lambda k, n: unpacked(words[k // 8, n], k) * scales[k // 32, n], "dequantize"
                )
            k = te.reduce_axis((0, columns), "k")
            return te.compute(
                (x.shape[0], rows), lambda m, n: te.sum(x[m, k] * (weight[n, k] if by_rows else weight[k, n]), k), "NT"
            )

        return nn.op.tensor_expr_op(product, "dequantize_matmul", [x, *matrix.tensors])


def unpacked(word: Any, k: Any) -> Any:
    """Return the weight at column k of its word, without its scale."""
    nibble = tvm.tirx.bitwise_and(
        tvm.tirx.shift_right(word, (k % 8 * 4).astype("uint32")), tvm.tirx.const(15, "uint32")
    )
    return nibble.astype("float32") - tvm.tirx.const(7, "float32")


def keep_rows(network: CausalLM) -> None:
    """Give every matrix of the network the shape [N, K], as MLC-LLM's q4f16_1 has it."""
    layers = network.model.layers
    inner = [m for x in layers for m in (x.self_attn.qkv_proj, x.self_attn.o_proj, x.mlp.gate_up_proj, x.mlp.down_proj)]
    for matrix in [*inner, network.lm_head]:
        for name in ("q_weight", "q_scale"):
            old = getattr(matrix, name)
            setattr(matrix, name, nn.Parameter(tuple(old.shape)[::-1], old.dtype))
