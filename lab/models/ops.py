"""What networks are made of: weights as a layout packs them, and the operations that a target must be able to do.

A network says what is computed, its target's operations (`lab.compile.cpu.ops`, `lab.compile.gpu.ops`) say how.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tvm.relax.frontend import nn

from lab.models.activation import Activation
from lab.models.family import NormKind, Sizes
from lab.models.layouts import layout_named
from lab.models.quant import QuantScheme

Tensor = Any


@dataclass(frozen=True)
class Acts:
    """Activations of `rows` tokens as a matrix product reads them: one or more tensors."""

    tensors: list[Tensor]
    rows: Any


class Matrix(nn.Module):  # type: ignore[misc]
    """The weights of one matrix [rows, columns] as a layout packs those of a scheme; kernels may bear its `name`.

    The first `fine_rows` are queries and keys, whose products attention puts into exponentials: rounded activations
    there are most of a network's whole error. With `bias`, that is added to results first; then, of each row, the first
    so many of `scaled` are times a factor.
    """

    def __init__(
        self,
        name: str,
        rows: int,
        columns: int,
        scheme: QuantScheme,
        layout: str,
        *,
        embedding: bool = False,
        fine_rows: int = 0,
        scaled: tuple[int, float] = (0, 1.0),
        bias: bool = False,
    ) -> None:
        self.name, self.rows, self.columns, self.embedding, self.fine_rows = name, rows, columns, embedding, fine_rows
        self.scaled = scaled
        packing = layout_named(layout, scheme, embedding=embedding)
        if scheme.quantised:
            self.q_weight = nn.Parameter(packing.q_shape(rows, columns, scheme.bits), packing.q_dtype)
            self.q_scale = nn.Parameter(packing.scale_shape(rows, columns), packing.scale_dtype(scheme))
        else:
            self.weight = nn.Parameter(packing.dense_shape(rows, columns), scheme.weight_dtype)
        self.bias = nn.Parameter((rows,), packing.vector_dtype(scheme)) if bias else None

    @property
    def tensors(self) -> list[Tensor]:
        """The weights in the order that kernels take them; the bias, where there is one, comes right after them."""
        return [self.q_weight, self.q_scale] if hasattr(self, "q_weight") else [self.weight]


class Norm(nn.Module):  # type: ignore[misc]
    """The weights of an RMSNorm, or of a LayerNorm, which has a bias too."""

    def __init__(self, size: int, eps: float, scheme: QuantScheme, layout: str, kind: NormKind = "rms") -> None:
        self.eps, self.kind = eps, kind
        dtype = layout_named(layout, scheme).vector_dtype(scheme)
        self.weight = nn.Parameter((size,), dtype)
        self.bias = nn.Parameter((size,), dtype) if kind == "layer" else None

    @property
    def tensors(self) -> list[Tensor]:
        """The parameters in the order that kernels take them."""
        return [self.weight] if self.bias is None else [self.weight, self.bias]


class Ops(Protocol):
    """What a target must be able to do. Rows are tokens; residual streams are float32 [n, hidden].

    Operations are as large as a target may want to fuse. `layout` is how it reads weights. Those from `product` on are
    for image encoders and for norms that stand between products.
    """

    layout: str

    def embed(self, ids: Tensor, table: Matrix, *, scale: float = 1.0) -> Tensor:
        """Return the rows of the table that int32 ids [n] name, times `scale`, float32 [n, hidden]."""

    def normed(
        self, x: Tensor, norm: Norm, matrix: Matrix, *, last_row: bool = False, dtype: str = "float32"
    ) -> Tensor:
        """Return the norm of [n, hidden], or of its last row, times the matrix transposed [n, rows of the layout]."""

    def activated(self, x: Tensor, norm: Norm, matrix: Matrix, activation: Activation) -> Acts:
        """Return the activation of each row of `normed`, ready for a product."""

    def encode(self, x: Tensor) -> Acts:
        """Return [n, features] ready for a product."""

    def added(self, acts: Acts, matrix: Matrix, residual: Tensor) -> Tensor:
        """Return the residual plus acts times the matrix transposed, float32 [n, rows]."""

    def create_kv_cache(self, config: Sizes, dtype: str, limits: Sequence[Any]) -> Tensor:
        """Return the paged KV cache; limits: batch, tokens, chunk, page size, sliding window support."""

    def product(self, acts: Acts, matrix: Matrix) -> Tensor:
        """Return acts times the matrix transposed, float32 [n, rows]."""

    def active(self, x: Tensor, activation: Activation) -> Acts:
        """Return the activation of each row, ready for a product."""

    def norm(self, x: Tensor, norm: Norm) -> Tensor:
        """Return the norm of each row, float32 [n, features]."""

    def norm_added(self, x: Tensor, norm: Norm, residual: Tensor) -> Tensor:
        """Return the residual plus the RMSNorm of each row, float32 [n, features]."""

    def heads_normed(self, qkv: Tensor, query: Norm, key: Norm, heads: int, factor: float, dtype: str) -> Tensor:
        """Return fused rows [n, heads of all, D] with a LayerNorm of each query, which then is times `factor`, and key.

        The first `heads` are queries; of the others, half are keys.
        """

    def attended(self, q: Tensor, kv: Tensor, heads: int) -> Tensor:
        """Return attention of every row to every row, float32 [n, heads, D].

        q [n, heads or more, D] begins with the queries, kv [m, 2 heads or more, D] ends with the keys and the values.
        """
