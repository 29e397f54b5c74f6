"""The sizes of a prefill workgroup's work, chosen by what the GPU has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lab.compile.gpu import Gpu
from lab.compile.gpu.kernels.shape import require, stages_tiles, vector_lanes
from lab.compile.tir.sizes import divided, fitting, fitting_vector

OUT_ROWS = 4  # queries whose sums over values a thread holds
# By a GPU's lanes: (queries, keys, lanes) of a tile, the best first. A head of 256 has no room for 16 queries in the
# shared memory of every OpenCL device, so vectors are shorter there.
TILES = {
    4: ((32, 64, 4), (32, 32, 4), (16, 32, 4), (16, 16, 4), (8, 16, 4)),
    16: ((16, 64, 16), (16, 32, 16), (16, 16, 16), (8, 64, 8), (8, 32, 8), (8, 16, 8)),
}
# By a tile's lanes: keys of a thread; vectors of the head of a thread, at most.
THREAD_KEYS = {4: 4, 8: 8, 16: 8}
OUT_VECTORS = {4: 1, 8: 2, 16: 2}
PAD = 4  # elements after each row of a tile in shared memory, so that threads do not meet in one bank


@dataclass(frozen=True)
class Tile:
    """The sizes of a workgroup's work for one head geometry."""

    rows: int
    keys: int
    lanes: int
    head_dim: int
    itemsize: int
    staged: bool

    @property
    def thread_keys(self) -> int:
        """Keys that one thread scores."""
        return THREAD_KEYS[self.lanes]

    @property
    def key_groups(self) -> int:
        """Threads that score the same queries."""
        return divided(self.keys, self.thread_keys)

    @property
    def row_vectors(self) -> int:
        """Vectors of queries."""
        return divided(self.rows, self.lanes)

    @property
    def out_vectors(self) -> int:
        """Vectors of the head that one thread holds sums for."""
        return fitting(divided(self.head_dim, self.width), OUT_VECTORS[self.lanes])

    @property
    def width(self) -> int:
        """Dimensions of such a vector."""
        return fitting_vector(self.head_dim, self.lanes)

    @property
    def across(self) -> int:
        """Threads that hold the sums of one query."""
        return divided(self.head_dim, self.width * self.out_vectors)

    @property
    def threads(self) -> int:
        """Threads of the workgroup: for the scores or for the sums, whichever needs more."""
        return max(self.row_vectors * self.key_groups, divided(self.rows, OUT_ROWS) * self.across)

    @property
    def staging(self) -> int:
        """Elements of the copy of a tile; one where there is none."""
        return self.keys * (self.head_dim + PAD) if self.staged else 1

    @property
    def shared_bytes(self) -> int:
        """Queries, copied tile, weights, partial results, scales."""
        stored = (self.rows * self.head_dim + self.staging) * self.itemsize
        return stored + 4 * (self.rows * self.keys + self.rows * self.key_groups + self.rows)


def tile_for(gpu: Gpu, kernel: str, head_dim: int, dtype: str, most_keys: int | None = None) -> Tile:
    """Return the best tile that fits, and divides `most_keys`; CompileError where none does."""
    itemsize, staged = np.dtype(dtype).itemsize, stages_tiles(gpu)
    sizes = [size for size in TILES[vector_lanes(gpu)] if most_keys is None or _within(size, most_keys)]
    tiles = [Tile(*size, head_dim, itemsize, staged) for size in sizes]
    for tile in tiles:
        if tile.threads <= gpu.max_threads and tile.shared_bytes <= gpu.shared_bytes:
            return tile
    require(gpu, kernel, tiles[-1].threads, tiles[-1].shared_bytes)
    raise AssertionError("the last tile either fits or not")


def _within(size: tuple[int, ...], block: int) -> bool:
    """Say whether tiles of that size lie within a block of keys, and their queries in two at most."""
    return block % size[1] == 0 and size[0] <= block
