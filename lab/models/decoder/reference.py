"""The reference: the forward pass of a decoder in plain numpy, float32, fed one matrix at a time.

It never sees packed bytes, only the weights that they stand for, so a bundle whose logits agree with it has
packing, kernels and network right. The caller walks the tensors in parameter order and multiplies; this file
holds everything between the products.
"""

from __future__ import annotations

import math

import numpy as np

from lab.models.decoder.config import DecoderConfig
from lab.models.family import Product, Vector
from lab.models.quant import F32


def last_logits(
    config: DecoderConfig,
    embedded: F32,
    product: Product,
    vector: Vector,
    head: str,
    kv_peaks: list[float] | None = None,
) -> F32:
    """Return the logits [V] at the last of the embedded positions [T, H].

    `product` and `vector` are called once for each tensor, in parameter order; `head` names the matrix of the
    output head (the embedding table when tied). `kv_peaks` gets each layer's largest key or value.
    """
    x = embedded
    cos, sin = rotary(config, len(x))
    for i in range(config.num_hidden_layers):
        base = f"model.layers.{i}"
        normed = rms_norm(x, vector(f"{base}.input_layernorm.weight"), config.rms_norm_eps)
        qkv = product(f"{base}.self_attn.qkv_proj.weight", normed)
        if kv_peaks is not None:
            kv_peaks.append(kv_peak(config, qkv, cos, sin))
        mixed = attention(config, qkv, cos, sin)
        x = x + product(f"{base}.self_attn.o_proj.weight", mixed)
        normed = rms_norm(x, vector(f"{base}.post_attention_layernorm.weight"), config.rms_norm_eps)
        gated = gate(product(f"{base}.mlp.gate_up_proj.weight", normed))
        x = x + product(f"{base}.mlp.down_proj.weight", gated)
    last = rms_norm(x[-1:], vector("model.norm.weight"), config.rms_norm_eps)
    logits: F32 = product(head, last)[0]
    return logits


def rms_norm(x: F32, weight: F32, eps: float) -> F32:
    """Return x [T, H] scaled to unit root mean square, times weight [H]."""
    mean_square = np.mean(np.square(x), axis=-1, keepdims=True)
    normed: F32 = x / np.sqrt(mean_square + np.float32(eps)) * weight
    return normed


def rotary(config: DecoderConfig, length: int) -> tuple[F32, F32]:
    """Return cos and sin [T, head_dim/2] of positions 0..length, with LongRoPE's factors and scaling."""
    half = config.head_dim // 2
    frequency = config.rope_theta ** -(np.arange(half, dtype=np.float64) / half)
    factors = config.rope_factors(length)
    if factors is not None:
        frequency = frequency / np.asarray(factors)
    angle = np.arange(length, dtype=np.float64)[:, None] * frequency
    scaling = config.attention_scaling
    return (np.cos(angle) * scaling).astype(np.float32), (np.sin(angle) * scaling).astype(np.float32)


def attention(config: DecoderConfig, qkv: F32, cos: F32, sin: F32) -> F32:
    """Return the attention output [T, H] of fused qkv rows [T, (heads + 2 kv_heads) x head_dim]."""
    heads, kv_heads, dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    split = qkv.reshape(len(qkv), heads + 2 * kv_heads, dim).transpose(1, 0, 2)
    query = rotate(split[:heads], cos, sin)
    key = np.repeat(rotate(split[heads : heads + kv_heads], cos, sin), heads // kv_heads, axis=0)
    value = np.repeat(split[heads + kv_heads :], heads // kv_heads, axis=0)
    scores = query @ key.transpose(0, 2, 1) * np.float32(1 / math.sqrt(dim))
    mixed = softmax(np.where(visible(len(qkv), config.attention_window), scores, -np.inf)) @ value
    joined: F32 = mixed.transpose(1, 0, 2).reshape(len(qkv), heads * dim)
    return joined


def kv_peak(config: DecoderConfig, qkv: F32, cos: F32, sin: F32) -> float:
    """Return the largest magnitude that the KV cache has to hold of fused qkv rows, before and after the rotation."""
    keys_from, dim = config.num_attention_heads, config.head_dim
    split = qkv.reshape(len(qkv), -1, dim).transpose(1, 0, 2)[keys_from:]
    rotated = rotate(split[: config.num_key_value_heads], cos, sin)
    return float(max(np.abs(split).max(), np.abs(rotated).max()))


def rotate(x: F32, cos: F32, sin: F32) -> F32:
    """Rotate each head's halves [heads, T, head_dim] by the angles of their positions."""
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def visible(length: int, window: int | None) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Return which key [column] each query [row] sees: itself and those before, at most `window` in all."""
    distance = np.arange(length)[:, None] - np.arange(length)[None, :]
    return (distance >= 0) & (distance < (length if window is None else window))


def softmax(scores: F32) -> F32:
    """Return the softmax over the last axis."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights: F32 = raised / raised.sum(axis=-1, keepdims=True)
    return weights


def gate(gate_up: F32) -> F32:
    """Return silu(gate) x up of fused rows [T, 2 x intermediate]."""
    opened, up = np.split(gate_up, 2, axis=-1)
    with np.errstate(over="ignore"):  # exp of a large negative number's opposite: silu is 0 there
        gated: F32 = opened / (1 + np.exp(-opened)) * up
    return gated
