"""A decoder as Relax modules over an abstract set of operations.

The network says what is computed; a target's operations (`lab.compile.cpu.ops` for CPUs) say how. Parameters are
named and ordered as `lab.models.params` lists them, which is how weights.bin stores them.
"""

from __future__ import annotations

from typing import Any

from tvm.relax.frontend import nn
from tvm.relax.frontend.nn.llm.kv_cache import PagedKVCache

from lab.models.decoder.config import DecoderConfig
from lab.models.decoder.tensors import up_name
from lab.models.ops import Matrix, Norm, Ops
from lab.models.params import kv_dtype
from lab.models.quant import QuantScheme

Tensor = Any
FLOAT16_QUERIES = 0.25


def query_factor(config: DecoderConfig, scheme: QuantScheme, dtype: str) -> float:
    """Return what queries are multiplied by before they are rounded to `dtype`, so that large ones fit float16.

    That is the softmax's factor. A float16 network takes less: small queries would lose bits that its limit counts.
    """
    if dtype != "float16":
        return 1.0
    return config.attention_scale if scheme.quantised else FLOAT16_QUERIES


class Attention(nn.Module):  # type: ignore[misc]
    """Fused qkv, attention over the KV cache, output projection added to the residual."""

    def __init__(self, config: DecoderConfig, scheme: QuantScheme, ops: Ops) -> None:
        self.config, self.dtype, self.ops = config, kv_dtype(scheme, ops.layout), ops
        fine = (config.num_attention_heads + config.num_key_value_heads) * config.head_dim
        self.factor = query_factor(config, scheme, self.dtype)
        self.qkv_proj = Matrix(
            "qkv",
            config.qkv_rows,
            config.hidden_size,
            scheme,
            ops.layout,
            fine_rows=fine,
            scaled=(0, 1.0) if config.qk_norm else (config.query_rows, self.factor),  # a norm would undo it
            bias=config.qkv_bias,
        )
        self.q_layernorm, self.k_layernorm = (self._head_norm(scheme) for _ in range(2))
        self.o_proj = Matrix("out", config.hidden_size, config.query_rows, scheme, ops.layout, bias=config.out_bias)

    def _head_norm(self, scheme: QuantScheme) -> Norm | None:
        c = self.config
        return Norm(c.head_dim, c.norm_eps, scheme, self.ops.layout, "layer") if c.qk_norm else None

    def forward(self, x: Tensor, norm: Norm, cache: Tensor, layer: int, last: Norm | None) -> Tensor:
        """Return x + attention over its norm, float32 [n, hidden]; with `last`, x + the norm of that."""
        c = self.config
        qkv = self._qkv(x, norm)
        n, scale = qkv.shape[1], c.attention_scale / self.factor
        if c.is_sparse(layer):
            scale = -scale  # kernels with a pattern read the sign (decision 57)
        seen = cache.attention_with_fused_qkv(layer, qkv, c.num_attention_heads, scale)  # [1, n, heads, D]
        acts = self.ops.encode(nn.op.reshape(seen, (n, c.query_rows)))
        if last is None:
            return self.ops.added(acts, self.o_proj, x)
        return self.ops.norm_added(self.ops.product(acts, self.o_proj), last, x)

    def _qkv(self, x: Tensor, norm: Norm) -> Tensor:
        """Return queries, keys and values [1, n, heads of all, D]."""
        c = self.config
        fused = c.num_attention_heads + 2 * c.num_key_value_heads
        dtype = "float32" if c.qk_norm else self.dtype
        qkv = self.ops.normed(x, norm, self.qkv_proj, dtype=dtype)  # [n, fused * D]
        n = qkv.shape[0]
        if qkv.shape[1] != c.qkv_rows:  # padded to the layout's block
            qkv = nn.op.split(qkv, [c.qkv_rows], axis=1)[0]
        if self.q_layernorm is not None and self.k_layernorm is not None:
            norms = (self.q_layernorm, self.k_layernorm)
            qkv = nn.op.reshape(qkv, (n, fused, c.head_dim))
            qkv = self.ops.heads_normed(qkv, *norms, c.num_attention_heads, self.factor, self.dtype)
        return nn.op.reshape(qkv, (1, n, fused, c.head_dim))


class Mlp(nn.Module):  # type: ignore[misc]
    """Feed-forward, added to the residual."""

    def __init__(self, config: DecoderConfig, scheme: QuantScheme, ops: Ops) -> None:
        self.ops, self.activation = ops, config.activation
        hidden, inner, bias = config.hidden_size, config.intermediate_size, config.mlp_bias
        self.first = up_name(config)
        name = "gate_up" if config.activation.gated else "up"
        setattr(self, self.first, Matrix(name, config.up_rows, hidden, scheme, ops.layout, bias=bias))
        self.down_proj = Matrix("down", hidden, inner, scheme, ops.layout, bias=bias)

    def forward(self, x: Tensor, norm: Norm, residual: Tensor) -> Tensor:
        """Return residual + down(activation(up)) of the norm of x, float32 [n, hidden]."""
        acts = self.ops.activated(x, norm, getattr(self, self.first), self.activation)
        return self.ops.added(acts, self.down_proj, residual)


def norm_of(config: DecoderConfig, scheme: QuantScheme, ops: Ops) -> Norm:
    """Return a norm of the residual stream."""
    return Norm(config.hidden_size, config.norm_eps, scheme, ops.layout, config.norm_kind)


class Layer(nn.Module):  # type: ignore[misc]
    """One decoder layer."""

    def __init__(self, config: DecoderConfig, scheme: QuantScheme, ops: Ops) -> None:
        self.input_layernorm = norm_of(config, scheme, ops)
        self.self_attn = Attention(config, scheme, ops)
        eps = config.attention_norm_eps
        self.post_layernorm = Norm(config.hidden_size, eps, scheme, ops.layout) if config.attention_norm else None
        self.post_attention_layernorm = None if config.parallel_blocks else norm_of(config, scheme, ops)
        self.mlp = Mlp(config, scheme, ops)

    def forward(self, x: Tensor, cache: Tensor, layer: int) -> Tensor:
        """Return the residual stream after this layer, float32 [n, hidden]."""
        seen = self.self_attn(x, self.input_layernorm, cache, layer, self.post_layernorm)
        if self.post_attention_layernorm is None:
            return self.mlp(x, self.input_layernorm, seen)
        return self.mlp(seen, self.post_attention_layernorm, seen)


class Decoder(nn.Module):  # type: ignore[misc]
    """Embedding, layers and final norm."""

    def __init__(self, config: DecoderConfig, scheme: QuantScheme, ops: Ops) -> None:
        self.embed_tokens = Matrix("embed", config.vocab_size, config.hidden_size, scheme, ops.layout, embedding=True)
        self.layers = nn.ModuleList([Layer(config, scheme, ops) for _ in range(config.num_hidden_layers)])
        self.norm = norm_of(config, scheme, ops)


class CausalLM(nn.Module):  # type: ignore[misc]
    """The functions of MLC-LLM's model-library ABI for one sequence."""

    def __init__(self, config: DecoderConfig, scheme: QuantScheme, ops: Ops) -> None:
        self.config, self.scheme, self.ops = config, scheme, ops
        self.model = Decoder(config, scheme, ops)
        if not config.tie_word_embeddings:
            head = (config.head_rows, config.hidden_size, scheme, ops.layout)
            matrix = Matrix("head", *head, bias=config.head_bias)
            setattr(self, "lm_head" if config.labels is None else "score", matrix)

    @property
    def head(self) -> Matrix:
        """The matrix that makes the logits, or the labels' scores."""
        own = "lm_head" if self.config.labels is None else "score"
        head: Matrix = self.model.embed_tokens if self.config.tie_word_embeddings else getattr(self, own)
        return head

    def embed(self, input_ids: Tensor) -> Tensor:
        """int32 [n] -> float32 [n, hidden]."""
        return self.ops.embed(input_ids, self.model.embed_tokens, scale=self.config.embedding_scale)

    def prefill(self, input_embed: Tensor, paged_kv_cache: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [1, n, hidden] -> logits of the last position, float32 [1, 1, rows of the head], and the cache."""
        return self._forward(input_embed, paged_kv_cache)

    def decode(self, input_embed: Tensor, paged_kv_cache: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [1, 1, hidden] -> logits float32 [1, 1, vocab], and the cache."""
        return self._forward(input_embed, paged_kv_cache)

    def create_tir_paged_kv_cache(
        self,
        max_batch_size: Any,
        max_total_seq_len: Any,
        prefill_chunk_size: Any,
        page_size: Any,
        support_sliding_window: Any,
    ) -> Tensor:
        """Return a cache for `max_total_seq_len` tokens, which also chooses longrope's factors."""
        limits = (max_batch_size, max_total_seq_len, prefill_chunk_size, page_size, support_sliding_window)
        return self.ops.create_kv_cache(self.config, kv_dtype(self.scheme, self.ops.layout), limits)

    def _forward(self, input_embed: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        c = self.config
        x = nn.op.reshape(input_embed, (input_embed.shape[1], c.hidden_size))  # [n, hidden]
        for index, layer in enumerate(self.model.layers):
            x = layer(x, cache, index)
        logits = self.ops.normed(x, self.model.norm, self.head, last_row=True)  # [1, rows padded to the layout]
        if logits.shape[1] != c.head_rows:
            logits = nn.op.split(logits, [c.head_rows], axis=1)[0]
        return nn.op.reshape(logits, (1, 1, c.head_rows)), cache

    def spec(self) -> Any:
        """Return the export specification: packed parameters, symbolic prompt length."""
        return nn.spec.ModuleSpec.from_raw(self.functions(), self)

    def functions(self) -> dict[str, Any]:
        """Return the export specification of every function, by its name; who judges texts decodes nothing."""
        packed = {"param_mode": "packed", "effect_mode": "none"}
        cache = nn.spec.Object(object_type=PagedKVCache)
        hidden = self.config.hidden_size
        sizes = (
            "max_batch_size",
            "max_total_seq_len",
            "prefill_chunk_size",
            "page_size",
            "support_sliding_window",
        )
        decode = {"input_embed": nn.spec.Tensor([1, 1, hidden], "float32"), "paged_kv_cache": cache, "$": packed}
        return {
            "embed": {"input_ids": nn.spec.Tensor(["seq_len"], "int32"), "$": packed},
            "prefill": {
                "input_embed": nn.spec.Tensor([1, "seq_len", hidden], "float32"),
                "paged_kv_cache": cache,
                "$": packed,
            },
            **({} if self.config.labels else {"decode": decode}),
            "create_tir_paged_kv_cache": {
                **dict.fromkeys(sizes, int),
                "$": {"param_mode": "none", "effect_mode": "none"},
            },
        }
