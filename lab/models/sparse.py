"""The pattern of block-sparse attention: which blocks of keys each query head sees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from lab.core.errors import ModelError


@dataclass(frozen=True)
class SparsePattern:
    """Keys come in blocks of `block` tokens. A query sees those at its place or before it, of its `local` last blocks
    (its own is one of them) and of every `stride`th block before these: of head h, block b is one when
    (b + h * head_step + 1) % stride is 0. `head_step` 0 is one pattern for all heads.
    """

    block: int
    local: int
    stride: int
    head_step: int

    def __post_init__(self) -> None:
        for name, least in (("block", 1), ("local", 1), ("stride", 1), ("head_step", 0)):
            if getattr(self, name) < least:
                raise ModelError(f"{name} of the sparse attention is {getattr(self, name)}; at least {least}")

    def first(self, head: int) -> int:
        """Return the first block that is kept of those far away; the others follow by `stride`."""
        return self.stride - 1 - head * self.head_step % self.stride

    def visible(self, length: int, heads: int) -> npt.NDArray[np.bool_]:
        """Return which keys [heads, length, length] each query of each head sees, by the definition."""
        at = np.arange(length)
        query, key = at[:, None] // self.block, at[None, :] // self.block
        near = query - key < self.local
        head = np.arange(heads)[:, None, None] * self.head_step
        seen: npt.NDArray[np.bool_] = (at[:, None] >= at[None, :]) & (near | ((key + head + 1) % self.stride == 0))
        return seen

    def seen_by(self, first: int, count: int, heads: int) -> float:
        """Return how many keys `count` neighbouring queries see in all, the first of them at position `first`."""
        total, at, end = 0.0, first, first + count
        while at < end:  # a block of queries at a time
            stop = min((at // self.block + 1) * self.block, end)
            each = self.tokens_seen(at, heads) - (at + 1)
            total += (stop - at) * each + (stop - at) * (at + 1 + stop) / 2
            at = stop
        return total

    def tokens_seen(self, position: int, heads: int) -> float:
        """Return how many keys a query at `position` sees, itself included, as a mean over the heads."""
        oldest = self._oldest(position)
        kept = _union(self, oldest, heads, heads) / heads
        return position + 1 - oldest * self.block + kept * self.block

    def tokens_read(self, position: int, heads: int, kv_heads: int) -> float:
        """Return how many keys a query at `position` needs of each key head, as a mean over these.

        The query heads of a group share what is read for one of them.
        """
        oldest = self._oldest(position)
        far = _union(self, oldest, heads, kv_heads) / kv_heads
        return position + 1 - oldest * self.block + far * self.block

    def _oldest(self, position: int) -> int:
        """The first block that is near."""
        return max(position // self.block - self.local + 1, 0)


@cache
def _union(pattern: SparsePattern, blocks: int, heads: int, kv_heads: int) -> int:
    """Blocks of the first `blocks` that any head of a group keeps, of all groups together."""
    group, total = heads // kv_heads, 0
    for first in range(0, heads, group):
        starts = {pattern.first(head) for head in range(first, first + group)}
        total += sum((blocks - start + pattern.stride - 1) // pattern.stride for start in starts)
    return total
