"""How far two sets of logits are apart: definitions in float64, numbers in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.analysis.run.stats import BOOTSTRAP_RESAMPLES, BOOTSTRAP_SEED

Array = npt.NDArray[Any]
F64 = npt.NDArray[np.float64]

UNPROVEN = "unproven"


@dataclass(frozen=True)
class Difference:
    """A mean of paired differences and its 95 % bootstrap interval, in the unit of what was paired."""

    mean: float
    low: float
    high: float

    @property
    def word(self) -> str:
        """What the interval proves of the first side: lower, higher, or unproven."""
        if self.high < 0:
            return "lower"
        return "higher" if self.low > 0 else UNPROVEN


def windows(ids: Array, length: int) -> Array:
    """Cut ids [n] into windows [n // length, length]; what is left at the end is dropped."""
    count = len(ids) // length
    if count == 0:
        raise ValueError(f"{len(ids)} ids make no window of {length}")
    return ids[: count * length].reshape(count, length)


def log_softmax(logits: Array) -> F64:
    """Log-probabilities of logits [..., vocab], in nats. -> [..., vocab]"""
    wide = logits.astype(np.float64)
    shifted = wide - wide.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), np.float64)


def kl(reference: Array, logits: Array) -> F64:
    """KL(reference || logits) of each position, in nats. [..., vocab] twice -> [...]"""
    p, q = log_softmax(reference), log_softmax(logits)
    return np.asarray((np.exp(p) * (p - q)).sum(axis=-1), np.float64)


def same_top(reference: Array, logits: Array) -> float:
    """Share of positions where both put the same token first. [..., vocab] twice -> 0..1"""
    return float((reference.argmax(axis=-1) == logits.argmax(axis=-1)).mean())


def perplexity(logits: Array, ids: Array) -> float:
    """Perplexity of what follows each window's first token. logits [windows, length, vocab], ids [windows, length]"""
    following = ids[:, 1:, None].astype(np.int64)
    found = np.take_along_axis(log_softmax(logits[:, :-1]), following, axis=-1)
    return float(np.exp(-found.mean()))


def difference(a: F64, b: F64) -> Difference:
    """Mean of a - b over windows [windows]; windows are resampled whole, with both sides (percentile bootstrap)."""
    paired = a - b
    picks = np.random.default_rng(BOOTSTRAP_SEED).integers(0, len(paired), (BOOTSTRAP_RESAMPLES, len(paired)))
    low, high = np.percentile(paired[picks].mean(axis=1), [2.5, 97.5])
    return Difference(float(paired.mean()), float(low), float(high))
