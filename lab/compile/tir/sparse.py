"""Which pages of keys a kernel walks through: neighbours, or those of a block-sparse pattern.

The runtime hands one set of attention functions to all layers, so a layer says by the sign of its softmax scale that it
is sparse. A kernel that knows a pattern reads the sign; a dense layer is one whose near blocks reach back to the start.
Pages are counted from the start of the sequence, of a chunk among itself from the page that the chunk starts in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tvm.script import tirx as T

from lab.compile.tir.sizes import PAGE, divided
from lab.compile.tir.vec import LOG2_E, Expr
from lab.models.sparse import SparsePattern

ALL = 2**24  # near blocks of a layer that sees everything
ALL_KEYS = 2**30


def near_blocks(pattern: SparsePattern, scale: Expr) -> Expr:
    """Return how many near blocks the layer has."""
    return T.Select(scale < T.float32(0), T.int32(pattern.local), T.int32(ALL))


def log2_scale(pattern: SparsePattern | None, scale: Expr) -> Expr:
    """Return what scores are multiplied by before 2 is raised to them."""
    return (scale if pattern is None else T.fabs(scale)) * T.float32(LOG2_E)


def near_from(pattern: SparsePattern, position: Expr, near: Expr) -> Expr:
    """Return the first key that is near to a query at `position`."""
    return T.max(position // pattern.block - (near - 1), 0) * pattern.block


def pages_of_block(pattern: SparsePattern) -> int:
    """Return how many pages make a block; ValueError where a page would lie in two."""
    return divided(pattern.block, PAGE)


def first_block(pattern: SparsePattern, head: Expr) -> Expr:
    """Return the first block that the query head keeps of those far away."""
    return (pattern.stride - 1) - head * pattern.head_step % pattern.stride


def far_page(pattern: SparsePattern, head: Expr, i: Expr) -> Expr:
    """Return the i-th page that the query head keeps where all are far away."""
    pages = pages_of_block(pattern)
    return (first_block(pattern, head) + i // pages * pattern.stride) * pages + i % pages


def far_pages(pattern: SparsePattern, head: Expr, page: Expr) -> Expr:
    """Return how many pages before `page` the query head keeps where all are far away."""
    pages, stride, first = pages_of_block(pattern), pattern.stride, first_block(pattern, head)
    whole = (page // pages - first + (stride - 1)) // stride * pages
    return whole + T.Select(page // pages % stride == first, page % pages, 0)


def far_most(pattern: SparsePattern, page: Expr) -> Expr:
    """Return how many pages before `page`, the first of a block, any query head keeps at the most."""
    pages = pages_of_block(pattern)
    return (page // pages + (pattern.stride - 1)) // pattern.stride * pages


def is_kept(pattern: SparsePattern, head: Expr, page: Expr) -> Expr:
    """Return whether the query head keeps the page, however far away it is."""
    return page // pages_of_block(pattern) % pattern.stride == first_block(pattern, head)


@dataclass(frozen=True)
class Neighbours:
    """Pages `first` to `last`, of which a query sees `window` keys at most."""

    first: Expr
    last: Expr
    window: int

    @property
    def count(self) -> Expr:
        """How many pages there are."""
        return self.last - self.first

    def at(self, i: Expr, j: int = 0) -> Expr:
        """Return the page i + j of them."""
        return self.first + i + j

    def clamped(self, i: Expr, j: int) -> Expr:
        """Return the page i + j of them, the last one for those past it."""
        return T.min(self.first + i + j, self.last - 1)

    def below(self, _i: Expr, _j: int, row: Expr, position: Expr) -> Expr:
        """Return the greatest key that row `row` no longer sees; row 0 is at `position`."""
        return position + row - self.window


@dataclass(frozen=True)
class Listed:
    """`count` pages of a pattern as `list_pages` writes them down."""

    kept: Any
    limit: Any
    nearest: Any
    count: Expr

    def at(self, i: Expr, j: int = 0) -> Expr:
        """Return the page i + j of them."""
        return self.kept[i + j]

    def clamped(self, i: Expr, j: int) -> Expr:
        """Return the page i + j of them, the last one for those past it."""
        return self.kept[T.min(i + j, self.count - 1)]

    def below(self, i: Expr, j: int, row: Expr, _position: Expr) -> Expr:
        """Return the greatest key, of the page i + j or before it, that row `row` does not see."""
        return T.min(self.nearest[row], self.limit[i + j])


@T.inline
def list_pages(pattern, head, kept, limit, nearest, far, first, last, base, skip, start, near, row, rows):
    """Write down the pages that a tile of queries of a head sees: `far` ones, then `first` to `last`.

    Pages and keys are counted from page `base` on, before which the head keeps `skip` pages, and keys below `start` are
    none. `row` is where the first of the `rows` queries is, `near` how many blocks are near to it.
    """
    for i in T.serial(far + (last - first)):
        page: T.let[T.int32] = T.Select(i < far, far_page(pattern, head, i + skip) - base, i - far + first)
        kept[i] = page
        limit[i] = T.Select(is_kept(pattern, head, page + base), start - 1, ALL_KEYS)
    for r in T.serial(rows):
        nearest[r] = T.max(near_from(pattern, row + r + base * PAGE, near) - base * PAGE, start) - 1
