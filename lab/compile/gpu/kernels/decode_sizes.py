"""How a decode workgroup shares its work, chosen by what the GPU has."""

from __future__ import annotations

from dataclasses import dataclass

from lab.compile.gpu import Gpu
from lab.compile.gpu.kernels.shape import require, vector_lanes
from lab.compile.tir.sizes import PAGE, divided, fitting, fitting_vector

CHUNK = 1024  # keys at most
FAN = 16  # partial results of a workgroup that every thread reads
THREADS = {4: 256, 16: 64}  # at most, by lanes
VECTORS = {4: 1, 16: 8}  # of the head that one thread adds values for, at most, by lanes


@dataclass(frozen=True)
class Split:
    """How a workgroup shares the work: threads across the head, slices of keys, keys of a chunk.

    A thread scores `lanes` keys and adds `vectors` vectors of `width` dimensions.
    """

    group: int
    head_dim: int
    lanes: int
    width: int
    vectors: int
    threads: int
    chunk: int

    @property
    def across(self) -> int:
        """Threads that hold the parts of one sum over values."""
        return divided(self.head_dim, self.width * self.vectors)

    @property
    def slices(self) -> int:
        """Sets of threads that go through pages of their own."""
        return self.threads // self.across

    @property
    def fan(self) -> int:
        """Threads of a query head that reduce first, so that all threads read so many results."""
        return min(FAN, self.threads // self.group)

    @property
    def shared_bytes(self) -> int:
        """Scores, queries, partial results of threads, sums of values."""
        group, threads = self.group, self.threads
        return 4 * (group * self.chunk + group * self.head_dim + group * (threads + self.fan) + threads * self.width)

    def fits(self, gpu: Gpu) -> bool:
        """Return whether there is the shared memory, and a thread for each query head and each part of a sum."""
        return self.shared_bytes <= gpu.shared_bytes and self.threads >= max(self.across, self.group)


def split_for(gpu: Gpu, num_heads: int, num_kv_heads: int, head_dim: int) -> Split:
    """Return the split with the longest chunk that fits; CompileError where none does.

    Where wide groups of long heads leave room for few keys, fewer threads do: half of them at least should have some
    to score. With 16 threads for 64, 8 heads of 256 that share their keys take a fourteenth of the time on PoCL.
    """
    lanes, group = vector_lanes(gpu), divided(num_heads, num_kv_heads)
    width = fitting_vector(head_dim, lanes)
    vectors = fitting(divided(head_dim, width), VECTORS[lanes])
    most = min(gpu.max_threads, THREADS[lanes])
    shares = (group, head_dim, lanes, width, vectors)
    splits = [_longest(gpu, shares, threads) for threads in (most, most // 2, most // 4)]
    split = next((one for one in splits if one.fits(gpu) and one.chunk >= one.threads * lanes // 2), splits[0])
    require(gpu, "attention_decode", max(split.threads, split.across, group), split.shared_bytes)
    return split


def _longest(gpu: Gpu, shares: tuple[int, int, int, int, int], threads: int) -> Split:
    """Return the split over so many threads with the longest chunk that fits, or else the shortest."""
    chunk = min(CHUNK, threads * shares[2])
    while chunk > PAGE and Split(*shares, threads, chunk).shared_bytes > gpu.shared_bytes:
        chunk //= 2
    return Split(*shares, threads, chunk)
