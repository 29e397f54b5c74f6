"""How work is cut up for a family of GPUs: threads, columns a thread, rows a thread."""

from __future__ import annotations

from dataclasses import dataclass

from lab.compile.gpu import Gpu


@dataclass(frozen=True)
class Gemv:
    """A product with one row: `threads_n` x `threads_k` threads, `vector` columns each, `piece` values at a time."""

    threads_n: int
    threads_k: int
    vector: int
    piece: int

    def threads_for(self, columns: int) -> int:
        """Return `threads_n`, or fewer where so many columns would keep less than 16 workgroups busy."""
        threads = self.threads_n
        while threads > 16 and columns < 16 * threads:
            threads //= 2
        return threads


@dataclass(frozen=True)
class Gemm:
    """A product with many rows: `threads_n` x `threads_m` threads, `vector` columns and `rows` rows each.

    A product whose two halves meet (gate and up) has two sums a row and column, and takes `gated_rows`.
    """

    threads_n: int
    threads_m: int
    vector: int
    rows: int
    gated_rows: int


@dataclass(frozen=True)
class Tiles:
    """The tiles of a family; `row_threads` is how many share one row in kernels that go by rows."""

    gemv: Gemv
    gemm: Gemm
    row_threads: int


# Four columns a thread are one 16-byte load. "any" is measured on PoCL, a CPU, whose vectors are the lanes of one
# thread: so 16 columns, and pieces short enough that a workgroup reads along rows. By processor time, one core of an
# AMD EPYC (Zen 5) VM, 2026-11-24: 64 threads read 14 GB/s and 32 read 11; with 8 columns it is 9. 8 rows make 136
# GFLOP/s, 12 make 103, 16 make 57: the sums no longer fit its registers. Of gate and up 8 rows make 142, 4 make 90.
_ANY = Tiles(Gemv(64, 1, 16, 64), Gemm(16, 1, 16, 8, 8), 64)
_TILES = {
    "adreno": Tiles(Gemv(32, 8, 4, 1024), Gemm(32, 4, 4, 8, 4), 128),
    "mali": Tiles(Gemv(16, 8, 4, 1024), Gemm(16, 4, 4, 4, 2), 64),
    "apple": Tiles(Gemv(32, 8, 4, 1024), Gemm(32, 4, 4, 8, 4), 128),
}


def tiles(gpu: Gpu) -> Tiles:
    """Return the tiles of the family."""
    return _TILES.get(gpu.name.split("-")[0], _ANY)
