"""The tensors of a decoder of the Llama kind, in the order in which it uses them."""

from __future__ import annotations

from collections.abc import Iterator

from lab.models.decoder.config import DecoderConfig
from lab.models.family import TensorSpec

EMBEDDING = "model.embed_tokens.weight"
HEAD = "lm_head.weight"
FINAL_NORM = "model.norm.weight"


def decoder_tensors(config: DecoderConfig) -> list[TensorSpec]:
    """Return every tensor by Hugging Face's name, of fused projections Phi-3's; a tied head is left out."""
    head = [] if config.tie_word_embeddings else [TensorSpec(HEAD, (config.vocab_size, config.hidden_size))]
    layers = [tensor for i in range(config.num_hidden_layers) for tensor in _layer(config, i)]
    embedding = TensorSpec(EMBEDDING, (config.vocab_size, config.hidden_size))
    return [embedding, *layers, TensorSpec(FINAL_NORM, (config.hidden_size,)), *head]


def _layer(config: DecoderConfig, index: int) -> Iterator[TensorSpec]:
    base, hidden = f"model.layers.{index}", config.hidden_size
    yield TensorSpec(f"{base}.input_layernorm.weight", (hidden,))
    yield TensorSpec(f"{base}.self_attn.qkv_proj.weight", (config.qkv_rows, hidden))
    yield TensorSpec(f"{base}.self_attn.o_proj.weight", (hidden, hidden))
    yield TensorSpec(f"{base}.post_attention_layernorm.weight", (hidden,))
    yield TensorSpec(f"{base}.mlp.gate_up_proj.weight", (2 * config.intermediate_size, hidden))
    yield TensorSpec(f"{base}.mlp.down_proj.weight", (hidden, config.intermediate_size))
