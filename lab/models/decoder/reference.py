"""The reference: the forward pass of a decoder in plain numpy, float32, fed one matrix at a time.

It never sees packed bytes, only the weights that they stand for, so a bundle whose logits agree with it has
packing, kernels and network right. The caller walks the tensors in parameter order and multiplies; this file
holds everything between the products.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lab.models.activation import Activation
from lab.models.decoder.config import DecoderConfig
from lab.models.decoder.tensors import up_name
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
    tensors = Tensors(config, product, vector)
    x = embedded * np.float32(config.embedding_scale)
    cos, sin = rotary(config, len(x))
    for i in range(config.num_hidden_layers):
        base = f"model.layers.{i}"
        normed = tensors.norm(f"{base}.input_layernorm", x)
        qkv = tensors.linear(f"{base}.self_attn.qkv_proj", normed, config.qkv_bias)
        if config.qk_norm:
            qkv = tensors.heads_norm(f"{base}.self_attn", qkv)
        if kv_peaks is not None:
            kv_peaks.append(kv_peak(config, qkv, cos, sin))
        mixed = attention(config, qkv, cos, sin, i)
        seen = tensors.linear(f"{base}.self_attn.o_proj", mixed, config.out_bias)
        if config.attention_norm:
            seen = rms_norm(seen, vector(f"{base}.post_layernorm.weight"), config.attention_norm_eps)
        x = x + seen
        if not config.parallel_blocks:
            normed = tensors.norm(f"{base}.post_attention_layernorm", x)
        acts = activated(config.activation, tensors.linear(f"{base}.mlp.{up_name(config)}", normed, config.mlp_bias))
        x = x + tensors.linear(f"{base}.mlp.down_proj", acts, config.mlp_bias)
    last = tensors.norm("model.norm", x[-1:])
    logits: F32 = tensors.linear(head.removesuffix(".weight"), last, config.head_bias)[0]
    return logits


class Tensors:
    """Products and norms by the names of their tensors, which are asked for in order: weights, then the bias."""

    def __init__(self, config: DecoderConfig, product: Product, vector: Vector) -> None:
        self._config, self._product, self._vector = config, product, vector

    def linear(self, name: str, x: F32, bias: bool) -> F32:
        """Return x [T, K] times the matrix transposed, [T, N], plus its bias, where it has one."""
        y = self._product(f"{name}.weight", x)
        return y + self._vector(f"{name}.bias") if bias else y

    def norm(self, name: str, x: F32) -> F32:
        """Return the norm of x [T, H], of the configuration's kind."""
        weight, eps = self._vector(f"{name}.weight"), self._config.norm_eps
        if self._config.norm_kind == "rms":
            return rms_norm(x, weight, eps)
        return layer_norm(x, weight, self._vector(f"{name}.bias"), eps)

    def heads_norm(self, name: str, qkv: F32) -> F32:
        """Return fused rows [T, (heads + 2 kv_heads) x head_dim] with a LayerNorm of each query and each key."""
        c, split = self._config, qkv.reshape(len(qkv), -1, self._config.head_dim).copy()
        keys, values = c.num_attention_heads, c.num_attention_heads + c.num_key_value_heads
        for head, which in (("q", slice(0, keys)), ("k", slice(keys, values))):
            weight, bias = (self._vector(f"{name}.{head}_layernorm.{part}") for part in ("weight", "bias"))
            split[:, which] = layer_norm(split[:, which], weight, bias, c.norm_eps)
        normed: F32 = split.reshape(qkv.shape)
        return normed


def rms_norm(x: F32, weight: F32, eps: float) -> F32:
    """Return x [T, H] scaled to unit root mean square, times weight [H]."""
    mean_square = np.mean(np.square(x), axis=-1, keepdims=True)
    normed: F32 = x / np.sqrt(mean_square + np.float32(eps)) * weight
    return normed


def layer_norm(x: F32, weight: F32, bias: F32, eps: float) -> F32:
    """Return x [T, H] with mean 0 and variance 1, times weight [H] plus bias [H]."""
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return rms_norm(centred, weight, eps) + bias


def rotary(config: DecoderConfig, length: int) -> tuple[F32, F32]:
    """Return cos and sin [T, rotary_dim/2] of positions 0..length, with LongRoPE's factors and scaling."""
    half = config.rotary_dim // 2
    frequency = config.rope_theta ** -(np.arange(half, dtype=np.float64) / half)
    factors = config.rope_factors(length)
    if factors is not None:
        frequency = frequency / np.asarray(factors)
    angle = np.arange(length, dtype=np.float64)[:, None] * frequency
    scaling = config.attention_scaling
    return (np.cos(angle) * scaling).astype(np.float32), (np.sin(angle) * scaling).astype(np.float32)


def attention(config: DecoderConfig, qkv: F32, cos: F32, sin: F32, layer: int) -> F32:
    """Return the attention output [T, H] of a layer's fused qkv rows [T, (heads + 2 kv_heads) x head_dim]."""
    heads, kv_heads, dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    split = qkv.reshape(len(qkv), heads + 2 * kv_heads, dim).transpose(1, 0, 2)
    query = rotate(split[:heads], cos, sin)
    key = np.repeat(rotate(split[heads : heads + kv_heads], cos, sin), heads // kv_heads, axis=0)
    value = np.repeat(split[heads + kv_heads :], heads // kv_heads, axis=0)
    scores = query @ key.transpose(0, 2, 1) * np.float32(config.attention_scale)
    seen = visible(len(qkv), config.attention_window)
    if config.sparse_pattern is not None and config.is_sparse(layer):
        seen = config.sparse_pattern.visible(len(qkv), heads)
    mixed = softmax(np.where(seen, scores, -np.inf)) @ value
    joined: F32 = mixed.transpose(1, 0, 2).reshape(len(qkv), heads * dim)
    return joined


def kv_peak(config: DecoderConfig, qkv: F32, cos: F32, sin: F32) -> float:
    """Return the largest magnitude that the KV cache has to hold of fused qkv rows, before and after the rotation."""
    keys_from, dim = config.num_attention_heads, config.head_dim
    split = qkv.reshape(len(qkv), -1, dim).transpose(1, 0, 2)[keys_from:]
    rotated = rotate(split[: config.num_key_value_heads], cos, sin)
    return float(max(np.abs(split).max(), np.abs(rotated).max()))


def rotate(x: F32, cos: F32, sin: F32) -> F32:
    """Rotate the halves of each head's first elements [heads, T, head_dim] by the angles of their positions."""
    first, second, passed = np.split(x, [cos.shape[-1], 2 * cos.shape[-1]], axis=-1)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin, passed], axis=-1)


def visible(length: int, window: int | None) -> NDArray[np.bool_]:
    """Return which key [column] each query [row] sees: itself and those before, at most `window` in all."""
    distance = np.arange(length)[:, None] - np.arange(length)[None, :]
    return (distance >= 0) & (distance < (length if window is None else window))


def softmax(scores: F32) -> F32:
    """Return the softmax over the last axis."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights: F32 = raised / raised.sum(axis=-1, keepdims=True)
    return weights


def activated(activation: Activation, rows: F32) -> F32:
    """Return the activation of rows [T, halves x intermediate]: [T, intermediate]."""
    if not activation.gated:
        return _FUNCTIONS[activation.name](rows)
    opened, up = np.split(rows, 2, axis=-1)
    if activation.name == "gegelu":
        limit = np.float32(np.inf if activation.limit is None else activation.limit)
        return quick_gelu(np.minimum(opened, limit)) * (np.clip(up, -limit, limit) + 1)
    return _FUNCTIONS[activation.name](opened) * up


def silu(x: F32) -> F32:
    """Return x times its logistic function."""
    with np.errstate(over="ignore"):  # exp of a large negative number's opposite: silu is 0 there
        y: F32 = x / (1 + np.exp(-x))
    return y


def quick_gelu(x: F32) -> F32:
    """Return the GELU as gegelu has it: x times the logistic function of 1.702 x."""
    with np.errstate(over="ignore"):
        y: F32 = x / (1 + np.exp(np.float32(-1.702) * x))
    return y


def gelu_tanh(x: F32) -> F32:
    """Return the GELU by its approximation with tanh."""
    inner = np.float32(math.sqrt(2 / math.pi)) * (x + np.float32(0.044715) * x**3)
    y: F32 = np.float32(0.5) * x * (1 + np.tanh(inner))
    return y


def gelu(x: F32) -> F32:
    """Return x times the distribution function of the normal distribution, by erf within 1e-7.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
    """
    z = np.minimum(np.abs(x) * np.float32(math.sqrt(0.5)), np.float32(100))
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = np.zeros_like(t)
    for term in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly = (poly + np.float32(term)) * t
    beyond = poly * np.exp(-z * z) * np.float32(0.5)  # what of the distribution is past |x|
    y: F32 = x * np.where(x > 0, 1 - beyond, beyond)
    return y


_FUNCTIONS = {"silu": silu, "gelu": gelu, "gelu_tanh": gelu_tanh, "gegelu": quick_gelu}
