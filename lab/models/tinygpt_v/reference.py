"""The image encoder in plain numpy, float32, fed one matrix at a time; see lab/models/decoder/reference.py."""

from __future__ import annotations

import math

import numpy as np

from lab.models.decoder.reference import gelu, layer_norm, softmax
from lab.models.family import Product, Vector
from lab.models.quant import F32
from lab.models.tinygpt_v.config import TinyGptVConfig
from lab.models.tinygpt_v.tensors import PATCHES, POSITIONS, QUERIES


class Encoder:
    """The forward pass; `product` and `vector` are asked for each tensor once, in order."""

    def __init__(self, config: TinyGptVConfig, product: Product, vector: Vector) -> None:
        self.config, self.product, self.vector = config, product, vector

    def run(self, pixels: F32) -> F32:
        """Return what stands for the image in a prompt [queries, hidden], of patches [rows, columns]."""
        rows = self._qformer(self._vision(pixels))
        return self._linear("bridge.1", self._linear("bridge.0", rows))

    def _vision(self, pixels: F32) -> F32:
        """Return the image [rows, vision.hidden_size]."""
        c = self.config.vision
        x = self.product(PATCHES, pixels) + self.vector(POSITIONS).reshape(c.rows, c.hidden_size)
        for index in range(c.num_hidden_layers):
            base = f"vision_model.encoder.layers.{index}"
            qkv = self._linear(f"{base}.self_attn.qkv", self._norm(f"{base}.layer_norm1", x, c.layer_norm_eps))
            x = x + self._linear(f"{base}.self_attn.projection", self_attention(qkv, c.head_dim))
            inner = self._linear(f"{base}.mlp.fc1", self._norm(f"{base}.layer_norm2", x, c.layer_norm_eps))
            x = x + self._linear(f"{base}.mlp.fc2", gelu(inner))
        return self._norm("vision_model.post_layernorm", x, c.last_norm_eps)

    def _qformer(self, image: F32) -> F32:
        """Return the queries [queries, qformer.hidden_size] after they have looked at the image."""
        c = self.config.qformer
        queries = self.vector(QUERIES).reshape(c.queries, c.hidden_size)
        h = self._norm("qformer.layernorm", queries, c.layer_norm_eps)
        for index in range(c.num_hidden_layers):
            base = f"qformer.encoder.layer.{index}"
            qkv = self._linear(f"{base}.attention.attention.query_key_value", h)
            h = self._added(f"{base}.attention.output", self_attention(qkv, c.head_dim), h)
            if c.looks(index):
                query = self._linear(f"{base}.crossattention.attention.query", h)
                key, value = np.split(self._linear(f"{base}.crossattention.attention.key_value", image), 2, axis=1)
                h = self._added(f"{base}.crossattention.output", attention(query, key, value, c.head_dim), h)
            inner = gelu(self._linear(f"{base}.intermediate_query.dense", h))
            h = self._added(f"{base}.output_query", inner, h)
        return h

    def _added(self, base: str, x: F32, residual: F32) -> F32:
        """Return the norm of the residual and what is added to it."""
        total = residual + self._linear(f"{base}.dense", x)
        return self._norm(f"{base}.LayerNorm", total, self.config.qformer.layer_norm_eps)

    def _linear(self, name: str, x: F32) -> F32:
        return self.product(f"{name}.weight", x) + self.vector(f"{name}.bias")

    def _norm(self, name: str, x: F32, eps: float) -> F32:
        return layer_norm(x, self.vector(f"{name}.weight"), self.vector(f"{name}.bias"), eps)


def self_attention(qkv: F32, head_dim: int) -> F32:
    """Return attention of fused rows [n, 3 x heads x D] to one another [n, heads x D]."""
    query, key, value = np.split(qkv, 3, axis=1)
    return attention(query, key, value, head_dim)


def attention(query: F32, key: F32, value: F32, head_dim: int) -> F32:
    """Return [n, heads x D] of queries [n, heads x D] to all keys and values [m, heads x D]."""
    q, k, v = (x.reshape(len(x), -1, head_dim).transpose(1, 0, 2) for x in (query, key, value))
    scores = q @ k.transpose(0, 2, 1) * np.float32(1 / math.sqrt(head_dim))
    mixed = softmax(scores) @ v
    joined: F32 = mixed.transpose(1, 0, 2).reshape(query.shape)
    return joined
