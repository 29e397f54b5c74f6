"""Phi-3-small in torch, written from the published description: what `lab verify` compares with.

transformers has no such network. Names and order of the weights are the checkpoint's. Attention of the sparse layers is
there twice: all scores with a mask, and of the kept blocks alone; tests hold them to each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lab.models.phi3small.config import Phi3SmallConfig

Tensor = Any


@dataclass(frozen=True)
class Output:
    """What a call returns: logits [1, T, V]."""

    logits: Tensor


def without_storage(config: Phi3SmallConfig) -> Any:
    """Build the model with shapes only."""
    with torch.device("meta"):
        return Phi3SmallForCausalLM(config).eval()


def kept(config: Phi3SmallConfig, head: int, query: int) -> list[int]:
    """Return the blocks of keys that a query head's block of queries sees, as the paper describes them."""
    step = 0 if config.one_pattern else max(1, config.vert_stride // config.num_attention_heads)
    return [
        key
        for key in range(query + 1)
        if query - key < config.local_blocks or (key + head * step + 1) % config.vert_stride == 0
    ]


def masked_attention(config: Phi3SmallConfig, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return attention [heads, T, D] of q, k, v [heads, T, D], of all scores and a mask."""
    length = q.shape[1]
    seen = torch.ones(length, length, dtype=torch.bool).tril().expand(len(q), -1, -1)
    if config.is_sparse(layer):
        blocks = -(-length // config.block_size)
        near = torch.zeros(len(q), blocks, blocks, dtype=torch.bool)
        for head in range(len(q)):
            for query in range(blocks):
                near[head, query, kept(config, head, query)] = True
        wide = near.repeat_interleave(config.block_size, 1).repeat_interleave(config.block_size, 2)
        seen = seen & wide[:, :length, :length]
    scores = (q @ k.transpose(1, 2)) * config.attention_scale
    return torch.softmax(scores.masked_fill(~seen, float("-inf")), dim=-1) @ v


def gathered_attention(config: Phi3SmallConfig, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return the same of a sparse layer, from the kept blocks alone: no score of another one is ever computed."""
    size, length, out = config.block_size, q.shape[1], torch.empty_like(q)
    at = torch.arange(length)
    for head in range(len(q)):
        for query in range(-(-length // size)):
            rows = at[query * size : (query + 1) * size]
            columns = torch.cat([at[key * size : (key + 1) * size] for key in kept(config, head, query)])
            scores = (q[head, rows] @ k[head, columns].T) * config.attention_scale
            late = columns[None, :] > rows[:, None]
            out[head, rows] = torch.softmax(scores.masked_fill(late, float("-inf")), dim=-1) @ v[head, columns]
    return out


def gegelu(x: Tensor, limit: float | None) -> Tensor:
    """Return the gated activation of lanes in turns: a gate, its up, the next gate."""
    gate, up = x[..., 0::2], x[..., 1::2]
    if limit is not None:
        gate, up = gate.clamp(max=limit), up.clamp(-limit, limit)
    return gate * torch.sigmoid(1.702 * gate) * (up + 1)


class Attention(nn.Module):  # type: ignore[misc]
    """Grouped queries, keys and values, rotated, attended to and projected."""

    def __init__(self, config: Phi3SmallConfig, layer: int) -> None:
        super().__init__()
        self.config, self.layer, self.attend = config, layer, masked_attention
        self.query_key_value = nn.Linear(config.hidden_size, config.qkv_rows)
        self.dense = nn.Linear(config.query_rows, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return attention's output [T, hidden]."""
        c = self.config
        group = c.num_attention_heads // c.num_key_value_heads
        fused = self.query_key_value(x).view(len(x), c.num_key_value_heads, group + 2, c.head_dim)
        q, k, v = (part.flatten(1, 2).transpose(0, 1) for part in fused.split([group, 1, 1], dim=2))
        q, k = _rotated(c, q), _rotated(c, k)
        k, v = (part.repeat_interleave(group, 0) for part in (k, v))
        mixed = self.attend(c, self.layer, q, k, v)
        return self.dense(mixed.transpose(0, 1).flatten(1))


class Mlp(nn.Module):  # type: ignore[misc]
    """The feed-forward block."""

    def __init__(self, config: Phi3SmallConfig) -> None:
        super().__init__()
        self.limit = config.gegelu_limit
        self.up_proj = nn.Linear(config.hidden_size, 2 * config.intermediate_size)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output [T, hidden]."""
        return self.down_proj(gegelu(self.up_proj(x), self.limit))


class Layer(nn.Module):  # type: ignore[misc]
    """One layer."""

    def __init__(self, config: Phi3SmallConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = nn.LayerNorm(config.hidden_size, config.norm_eps)
        self.self_attn = Attention(config, layer)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size, config.norm_eps)
        self.mlp = Mlp(config)

    def forward(self, x: Tensor) -> Tensor:
        """Return the stream [T, hidden] after it."""
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):  # type: ignore[misc]
    """Embedding, layers and final norm."""

    def __init__(self, config: Phi3SmallConfig) -> None:
        super().__init__()
        self.multiplier = config.embedding_multiplier
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config, layer) for layer in range(config.num_hidden_layers))
        self.final_layernorm = nn.LayerNorm(config.hidden_size, config.norm_eps)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the normed stream [T, hidden] of ids [T]."""
        x = self.embed_tokens(ids) * self.multiplier
        for layer in self.layers:
            x = layer(x)
        return self.final_layernorm(x)


class Phi3SmallForCausalLM(nn.Module):  # type: ignore[misc]
    """The whole network."""

    def __init__(self, config: Phi3SmallConfig) -> None:
        super().__init__()
        self.width = config.width_multiplier
        self.model = Decoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, input_ids: Tensor, use_cache: bool = False) -> Output:
        """Return the logits of ids [1, T]; there is no cache."""
        return Output(self.lm_head(self.model(input_ids[0]))[None] / self.width)


def _rotated(config: Phi3SmallConfig, x: Tensor) -> Tensor:
    """Rotate the halves of heads [heads, T, D] by the angles of their positions."""
    length, half = x.shape[1], config.head_dim // 2
    frequency = config.rope_theta ** -(torch.arange(half, dtype=torch.float64) / half)
    factors = config.rope_factors(length)
    if factors is not None:
        frequency = frequency / torch.tensor(factors, dtype=torch.float64)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * frequency
    cos, sin = (config.attention_scaling * part.float() for part in (angle.cos(), angle.sin()))
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
