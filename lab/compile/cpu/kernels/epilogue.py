"""What happens to the finished sums of a product: a bias, then a residual or a factor, and rounding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tvm.script import tirx as T

from lab.compile.tir.narrow import AS_IT_IS, Scaled, written
from lab.compile.tir.vec import Expr, lanes_of, splat


@dataclass(frozen=True)
class Epilogue:
    """Results of one product; `bias_rows` of them have a bias (0: none has), those past them are the layout's padding.

    With `residual`, that is added, else the first so many of `scaled` are times its factor; then they are rounded.
    """

    residual: bool
    out_dtype: str
    scaled: Scaled = AS_IT_IS
    bias_rows: int = 0

    def stored(self, added: Any, before: Any, row: Expr, at: Expr, total: Expr, lanes: int) -> Expr:
        """Return what goes into the output for the lanes from `at` on; added: the bias, before: the residual."""
        if self.bias_rows:
            total = total + added[self._index(at, lanes)]
        if self.residual:
            return before[row, lanes_of(at, lanes)] + total
        return written(self.out_dtype, total, lanes, at, self.scaled)

    def _index(self, at: Expr, lanes: int) -> Expr:
        """Return where the lanes' biases lie; of padding, whose results nobody reads, the last one's place."""
        index = lanes_of(at, lanes)
        if self.bias_rows % 16 == 0:
            return index
        return T.min(index, splat(T.int32(self.bias_rows - 1), lanes))
