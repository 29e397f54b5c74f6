"""The stub model again, in numpy: shares nothing with the compiled library but the weights and the sizes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tests.ondevice.stub_model import EPS, HEAD_DIM, HEADS, LAYERS, THETA

Array = npt.NDArray[np.float32]
Weights = dict[str, Array]


def logits(weights: Weights, ids: list[int]) -> Array:
    """Return the logits [n, vocab] at every position of `ids`."""
    x = weights["embed_tokens.weight"][ids]  # [n, hidden]
    for i in range(LAYERS):
        w = {name: weights[f"layers.{i}.{name}.weight"] for name in ("ln1", "qkv", "o", "ln2", "gate_up", "down")}
        x = x + _attention(_norm(x, w["ln1"]) @ w["qkv"].T) @ w["o"].T
        gate, up = np.split(_norm(x, w["ln2"]) @ w["gate_up"].T, 2, axis=-1)
        x = x + (gate / (1 + np.exp(-gate)) * up) @ w["down"].T
    result: Array = _norm(x, weights["norm.weight"]) @ weights["lm_head.weight"].T
    return result


def generate(weights: Weights, ids: list[int], count: int) -> tuple[list[int], Array]:
    """Return `count` greedy ids after `ids`, and the logits [count, vocab] each was chosen from."""
    text, rows = list(ids), []
    for _ in range(count):
        rows.append(logits(weights, text)[-1])
        text.append(int(np.argmax(rows[-1])))
    return text[len(ids) :], np.stack(rows)


def splitmix64_ids(seed: int, count: int, vocab: int) -> list[int]:
    """Return the ids that a seed stands for, by the published algorithm."""
    mask, ids = (1 << 64) - 1, []
    for i in range(1, count + 1):
        z = (seed + i * 0x9E3779B97F4A7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        ids.append((z ^ (z >> 31)) % vocab)
    return ids


def _norm(x: Array, weight: Array) -> Array:
    result: Array = x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * weight
    return result


def _attention(qkv: Array) -> Array:
    n = qkv.shape[0]
    q, k, v = qkv.reshape(n, 3, HEADS, HEAD_DIM).transpose(1, 2, 0, 3)  # each [heads, n, head_dim]
    scores = _rotate(q) @ _rotate(k).transpose(0, 2, 1) / np.sqrt(HEAD_DIM)
    scores = np.where(np.tri(n, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (weights / weights.sum(-1, keepdims=True)) @ v
    result: Array = mixed.transpose(1, 0, 2).reshape(n, HEADS * HEAD_DIM)
    return result


def _rotate(x: Array) -> Array:
    half = HEAD_DIM // 2
    angles = np.arange(x.shape[1])[:, None] / THETA ** (np.arange(half) / half)  # [n, half]
    cos, sin = np.cos(angles), np.sin(angles)
    a, b = x[..., :half], x[..., half:]
    result: Array = np.concatenate([a * cos - b * sin, b * cos + a * sin], -1).astype(np.float32)
    return result
