"""What a prefill and a decode step have to do at the least: operations, and bytes of memory.

An operation is one multiply or one add. Counted are the matrix products and attention's two products; the rest
(norms, softmax, rotary angles, activations becoming int8) is not, so an achieved rate is never too high for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.formats.manifest import SparseFacts
from lab.formats.run_record import Cell, ModelFacts, RunRecord
from lab.models.sparse import SparsePattern


@dataclass(frozen=True)
class Work:
    """`matrix_ops` are those of products with weights, `attention_ops` those with keys and values.

    Both are null where the model's weights were not counted, `bytes` where its sizes are not known.
    """

    matrix_ops: float | None
    attention_ops: float | None
    bytes: float | None

    @property
    def ops(self) -> float | None:
        """Both kinds of operations."""
        if self.matrix_ops is None or self.attention_ops is None:
            return None
        return self.matrix_ops + self.attention_ops


UNKNOWN = Work(None, None, None)  # of what another program measured and says too little of


def prefilled(record: RunRecord, cell: Cell) -> int:
    """Return the positions of a prefill: the prompt's tokens, and those of an image before them."""
    return cell.prompt + record.model.image_positions


def prefill_work(record: RunRecord, cell: Cell) -> Work:
    """Return the work of the whole prompt, fed in chunks.

    Each chunk reads all weights once, makes logits for its last position, writes keys and values of its tokens
    and reads those that any of its tokens sees.
    """
    model, bundle, chunk = record.model, record.bundle, record.plan.prefill_chunk
    if chunk is None or bundle.decode_weight_bytes_per_token is None or bundle.kv_bytes_per_token is None:
        return UNKNOWN
    prompt = prefilled(record, cell)
    chunks = list(_chunks(cell.depth, prompt, chunk + model.image_positions))
    seen = _seen(model, cell.depth, prompt)
    read = sum(_visible(model, start, end) for start, end in chunks)
    weight_bytes = bundle.decode_weight_bytes_per_token * len(chunks)
    kv_bytes = bundle.kv_bytes_per_token * (prompt + read)
    return Work(_matrix_ops(model, prompt, len(chunks)), _attention_ops(model, seen), float(weight_bytes + kv_bytes))


def decode_work(record: RunRecord, cell: Cell) -> Work:
    """Return the work of one decode step, as a mean over the steps that are timed.

    It reads all weights and the keys and values it sees; those that it writes are not counted.
    """
    weight_bytes, kv_bytes = record.bundle.decode_weight_bytes_per_token, record.bundle.kv_bytes_per_token
    if weight_bytes is None or kv_bytes is None:
        return UNKNOWN
    steps = max(cell.generate - 1, 1)  # the first token is the prefill's
    first = cell.depth + prefilled(record, cell)
    read = sum(_visible(record.model, at, at + 1) for at in range(first, first + steps)) / steps
    seen = _seen(record.model, first, steps) / steps
    return Work(_matrix_ops(record.model, 1, 1), _attention_ops(record.model, seen), weight_bytes + kv_bytes * read)


def tokens_seen(first: int, count: int, window: int | None) -> int:
    """Return how many tokens `count` neighbouring queries see in all; the first sees `first`, itself included."""
    full = count if window is None else min(max(window - first + 1, 0), count)  # before the window cuts
    growing = full * first + full * (full - 1) // 2
    return growing + (count - full) * (window or 0)


def _chunks(depth: int, prompt: int, size: int) -> Iterator[tuple[int, int]]:
    """The positions, from and to, that each forward pass of the prefill feeds."""
    end = depth + prompt
    for start in range(depth, end, size):
        yield start, min(start + size, end)


def _seen(model: ModelFacts, first: int, count: int) -> float:
    """How many tokens `count` queries, at `first` and following, see in all, as a mean over layers and heads."""
    dense = tokens_seen(first + 1, count, model.sliding_window)
    if model.sparse is None:
        return dense
    sparse = _pattern(model.sparse).seen_by(first, count, model.sparse.heads)
    return _mixed(model, model.sparse, dense, sparse)


def _visible(model: ModelFacts, start: int, end: int) -> float:
    """How many tokens the queries at `start` to `end` see between them, as a mean over layers and key heads."""
    window = model.sliding_window
    dense = end if window is None else min(end, end - start + window - 1)
    if model.sparse is None:
        return dense
    heads = model.sparse.heads
    sparse = _pattern(model.sparse).tokens_read(start, heads, model.num_kv_heads or heads) - (start + 1) + end
    return _mixed(model, model.sparse, dense, sparse)


def _mixed(model: ModelFacts, facts: SparseFacts, dense: float, sparse: float) -> float:
    layers = model.layers or facts.layers
    return (dense * (layers - facts.layers) + sparse * facts.layers) / layers


def _pattern(facts: SparseFacts) -> SparsePattern:
    return SparsePattern(facts.block, facts.local, facts.stride, facts.head_step)


def _matrix_ops(model: ModelFacts, tokens: int, passes: int) -> float | None:
    if model.layer_weights is None or model.head_weights is None:
        return None
    return 2.0 * (model.layer_weights * tokens + model.head_weights * passes)


def _attention_ops(model: ModelFacts, seen: float) -> float | None:
    """Scores and the weighted sum: a multiply and an add each for every element of every head, in each layer."""
    size = model.attention_size or model.hidden_size
    return None if size is None or model.layers is None else 4.0 * size * model.layers * seen
