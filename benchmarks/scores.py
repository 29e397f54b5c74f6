"""From logits to the numbers of the accuracy benchmark: one score an engine, bits and seed; then both held together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.divergence import F64, UNPROVEN, Array, difference, kl, perplexity, same_top

ENGINES = ("tvm", "llama.cpp")  # differences are the first minus the second
KLS = ("kl", "kl_weights", "kl_added", "kl_noise")


@dataclass(frozen=True)
class Score:
    """One engine's logits against float32; seed None: the mean over seeds. KLs are nats a position, one a window.

    `kl` is KL(f32 || engine), `kl_weights` KL(f32 || the stored weights computed in float32), `kl_added` the first
    less the second, and `kl_noise` KL(stored weights in float32 || engine): how far computing alone moves the logits.
    `quant` is lab's name of the bits, `type` what the engine calls them.
    """

    engine: str
    quant: str
    type: str
    seed: int | None
    kl: F64
    kl_weights: F64
    kl_added: F64
    kl_noise: F64
    same_top: float
    perplexity: float


def score(engine: str, quant: str, kind: str, seed: int, ids: Array, exact: Array, plain: Array, whole: Array) -> Score:
    """Score `whole`, the engine's logits; `exact` are float32's, `plain` those of its stored weights in float32.

    ids [windows, length]; logits [windows, length, vocab].
    """
    total, weights, noise = (kl(a, b).mean(axis=1) for a, b in ((exact, whole), (exact, plain), (plain, whole)))
    top, surprise = same_top(exact, whole), perplexity(whole, ids)
    return Score(engine, quant, kind, seed, total, weights, total - weights, noise, top, surprise)


def reference_row(seed: int, exact: Array, ids: Array) -> dict[str, Any]:
    """The document's line about float32 itself."""
    return {"seed": seed, "perplexity": perplexity(exact, ids)}


def pooled(scores: Iterable[Score]) -> list[Score]:
    """The mean over seeds, for each kind of bits and engine; perplexities by their geometric mean."""
    kept = list(scores)
    groups = dict.fromkeys((one.quant, one.engine) for one in kept)
    return [_mean([one for one in kept if (one.quant, one.engine) == group]) for group in groups]


def _mean(scores: Sequence[Score]) -> Score:
    first = scores[0]
    kls = [np.mean([getattr(one, name) for one in scores], axis=0) for name in KLS]
    top = float(np.mean([one.same_top for one in scores]))
    surprise = float(np.exp(np.mean(np.log([one.perplexity for one in scores]))))
    total, weights, added, noise = kls
    return Score(first.engine, first.quant, first.type, None, total, weights, added, noise, top, surprise)


def row(one: Score) -> dict[str, Any]:
    """The document's line about a score: KLs become their means over windows."""
    return {name: float(value.mean()) if name in KLS else value for name, value in asdict(one).items()}


def comparisons(scores: Iterable[Score]) -> list[dict[str, Any]]:
    """tvm less llama.cpp, by pairs of windows, for each seed and for the mean over seeds (seed None)."""
    kept = list(scores)
    each = list(_compared(kept))
    return [*each, *(over_seeds(one, each) for one in _compared(pooled(kept)))]


def over_seeds(whole: dict[str, Any], each: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Add the least and the greatest of the seeds' means; nothing is proven where seeds differ in the direction.

    The interval knows the text's chance and not the models': how weights happen to round moves it more.
    """
    means = [one["mean"] for one in each if (one["quant"], one["what"]) == (whole["quant"], whole["what"])]
    low, high = min(means), max(means)
    return {**whole, "seeds_low": low, "seeds_high": high, "word": UNPROVEN if low <= 0 <= high else whole["word"]}


def _compared(scores: Sequence[Score]) -> Iterator[dict[str, Any]]:
    for ours in scores:
        if ours.engine != ENGINES[0]:
            continue
        key = (ENGINES[1], ours.quant, ours.seed)
        (peer,) = (one for one in scores if (one.engine, one.quant, one.seed) == key)
        for what in KLS:
            found = difference(getattr(ours, what), getattr(peer, what))
            yield {"quant": ours.quant, "seed": ours.seed, "what": what, **asdict(found), "word": found.word}
