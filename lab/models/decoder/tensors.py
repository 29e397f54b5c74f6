"""The tensors of a decoder of the Llama kind, in the order in which it uses them."""

from __future__ import annotations

from collections.abc import Iterator

from lab.models.decoder.config import DecoderConfig
from lab.models.family import TensorSpec

EMBEDDING = "model.embed_tokens.weight"
HEAD = "lm_head.weight"
SCORE = "score.weight"  # the head where there are labels
FINAL_NORM = "model.norm.weight"


def decoder_tensors(config: DecoderConfig) -> list[TensorSpec]:
    """Return every tensor by Hugging Face's name, of fused projections Phi-3's; a tied head is left out.

    Norms with a bias and products with one have it right after their weights.
    """
    vocab, hidden = config.vocab_size, config.hidden_size
    embedding = TensorSpec(EMBEDDING, (vocab, hidden))
    layers = [tensor for i in range(config.num_hidden_layers) for tensor in _layer(config, i)]
    norm = [*_norm(config, FINAL_NORM)]
    name = HEAD if config.labels is None else SCORE
    head = [] if config.tie_word_embeddings else [*_matrix(name, config.head_rows, hidden, config.head_bias)]
    return [embedding, *layers, *norm, *head]


def bias_of(hf_name: str) -> str:
    """Return the name of the bias that belongs to a matrix or a norm's weights."""
    return hf_name.removesuffix("weight") + "bias"


def up_name(config: DecoderConfig) -> str:
    """Return what the first product of the feed-forward block is called: with gates, it is two in one."""
    return "gate_up_proj" if config.activation.gated else "up_proj"


def _layer(config: DecoderConfig, index: int) -> Iterator[TensorSpec]:
    base, hidden, inner = f"model.layers.{index}", config.hidden_size, config.intermediate_size
    yield from _norm(config, f"{base}.input_layernorm.weight")
    yield from _matrix(f"{base}.self_attn.qkv_proj.weight", config.qkv_rows, hidden, config.qkv_bias)
    for head in ("q", "k") if config.qk_norm else ():
        yield TensorSpec(f"{base}.self_attn.{head}_layernorm.weight", (config.head_dim,))
        yield TensorSpec(f"{base}.self_attn.{head}_layernorm.bias", (config.head_dim,))
    yield from _matrix(f"{base}.self_attn.o_proj.weight", hidden, config.query_rows, config.out_bias)
    if config.attention_norm:
        yield TensorSpec(f"{base}.post_layernorm.weight", (hidden,))
    if not config.parallel_blocks:
        yield from _norm(config, f"{base}.post_attention_layernorm.weight")
    yield from _matrix(f"{base}.mlp.{up_name(config)}.weight", config.up_rows, hidden, config.mlp_bias)
    yield from _matrix(f"{base}.mlp.down_proj.weight", hidden, inner, config.mlp_bias)


def _norm(config: DecoderConfig, hf_name: str) -> Iterator[TensorSpec]:
    yield TensorSpec(hf_name, (config.hidden_size,))
    if config.norm_kind == "layer":
        yield TensorSpec(bias_of(hf_name), (config.hidden_size,))


def _matrix(hf_name: str, rows: int, columns: int, bias: bool) -> Iterator[TensorSpec]:
    yield TensorSpec(hf_name, (rows, columns))
    if bias:
        yield TensorSpec(bias_of(hf_name), (rows,))
