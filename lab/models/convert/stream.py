"""One walk over all tensors: each is read, encoded, written and multiplied, block by block on all cores.

The reference drives the walk: it asks for the product with each matrix in parameter order, and gets it from
the same pass that converts the matrix. No matrix is ever whole in memory, but for those of an image encoder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from lab.models.catalog import ModelSpec
from lab.models.convert.encode import Block, encode_rows, encode_vector
from lab.models.convert.writer import WeightsWriter
from lab.models.families import family_of
from lab.models.layouts import layout_named
from lab.models.params import tensor_specs
from lab.models.quant import F32
from lab.models.sources.base import WeightSource
from lab.models.threads import cores

_BLOCK_VALUES = 1 << 19
_MANY_ROWS = 64  # of an image; a prompt has fewer
_BLAS_ALONE = 1 << 18  # products of fewer multiplications than this, OpenBLAS does on the calling thread


class Stream:
    """The walk over one model's tensors; `advance` is told the bytes written."""

    def __init__(
        self,
        spec: ModelSpec,
        source: WeightSource,
        writer: WeightsWriter,
        pool: ThreadPoolExecutor,
        advance: Callable[[float], None],
        layout: str,
    ) -> None:
        """Bind the parts; `run` does the walk."""
        self._spec, self._source, self._writer = spec, source, writer
        self._pool, self._advance, self._layout = pool, advance, layout
        self._family = family_of(spec.config)
        self.kv_peaks: list[float] = []  # by layer, once `run` is through
        self.head_norm = 0.0  # what the logits' norm is for activations of the last product's size, in any direction
        self._block_rows = layout_named(layout, spec.scheme).block_rows
        self._shapes = {tensor.hf_name: tensor.shape for tensor in tensor_specs(spec.config)}

    def run(self, prompt: list[int]) -> F32:
        """Convert every tensor; return the reference logits [V] at the end of `prompt`."""
        embedded = self._embed(prompt)
        return self._family.logits(self._spec.config, embedded, self._product, self._vector, self.kv_peaks)

    def _embed(self, prompt: list[int]) -> F32:
        rows = np.empty((len(prompt), self._spec.config.hidden_size), np.float32)

        def pick(start: int, block: Block) -> None:
            for position, token in enumerate(prompt):
                if start <= token < start + len(block.values):
                    rows[position] = block.values[token - start]

        self._each_block(self._family.embedding, pick)
        return rows

    def _product(self, hf_name: str, x: F32) -> F32:
        if len(x) > _MANY_ROWS:
            return self._wide_product(hf_name, x)
        squares: list[float] = []
        y = np.empty((self._shapes[hf_name][0], len(x)), np.float32)
        columns = np.ascontiguousarray(x.T)

        def multiply(start: int, block: Block) -> None:
            y[start : start + len(block.values)] = small_products(block.values, columns)
            if hf_name == self._family.score:
                squares.append(float(np.square(block.values).sum()))

        self._each_block(hf_name, multiply, write=hf_name != self._family.embedding)
        self.head_norm = math.sqrt(sum(squares) / len(columns)) * float(np.linalg.norm(x))
        return np.ascontiguousarray(y.T)

    def _wide_product(self, hf_name: str, x: F32) -> F32:
        """Return the product with so many rows that it is most of the work: the matrix whole, then BLAS on its own."""
        whole = np.empty(self._shapes[hf_name], np.float32)

        def keep(start: int, block: Block) -> None:
            whole[start : start + len(block.values)] = block.values

        self._each_block(hf_name, keep)
        y: F32 = x @ whole.T
        return y

    def _vector(self, hf_name: str) -> F32:
        stored = encode_vector(self._source.vector(hf_name), self._spec.scheme, hf_name, self._layout)
        self._advance(self._writer.put(hf_name, "w", 0, stored))
        return stored.astype(np.float32, copy=False)

    def _each_block(self, hf_name: str, use: Callable[[int, Block], None], *, write: bool = True) -> None:
        """Encode the matrix in blocks on the pool's threads, write each, and hand it to `use` there."""
        rows, k = self._shapes[hf_name]

        def work(start: int) -> int:
            stop = min(start + step, rows)
            block = encode_rows(self._source, self._spec.scheme, hf_name, start, stop, self._layout)
            use(start, block)
            first = start // self._block_rows
            put = self._writer.put
            return sum(put(hf_name, part, first, piece) for part, piece in block.parts.items()) if write else 0

        step = block_rows(k)
        for written in self._pool.map(work, range(0, rows, step)):
            self._advance(written)


def block_rows(k: int) -> int:
    """Return how many rows of `k` values make a block: a few megabytes, and whole blocks of any source."""
    return max(_BLOCK_VALUES // k // 64, 1) * 64


def small_products(w: F32, columns: F32) -> F32:
    """Return w [N, K] @ columns [K, T], in pieces too small for BLAS to start threads of its own.

    Its threads would fight with ours for the same cores, which made this ten times slower.
    """
    rows = max(min(_BLAS_ALONE // columns.size, len(w)), 1)
    whole = len(w) // rows * rows
    head = (w[:whole].reshape(-1, rows, w.shape[1]) @ columns).reshape(whole, -1)
    return head if whole == len(w) else np.concatenate([head, w[whole:] @ columns])


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Yield a pool with a thread for each core that this process may use; on errors, drop what waits in it."""
    _keep_freed_memory()
    pool = ThreadPoolExecutor(cores(), thread_name_prefix="lab-convert")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _keep_freed_memory() -> None:
    """Make glibc keep freed blocks of a few megabytes for the next one, instead of giving them back each time.

    It raises its thresholds to the size of the first big block that is freed. Without this a quarter of
    the time goes to page faults; other C libraries are not affected.
    """
    np.empty(31 << 20, np.uint8)
