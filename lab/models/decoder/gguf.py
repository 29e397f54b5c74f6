"""What of a decoder whose projections stand apart stands in a GGUF: Llama, Qwen2, Gemma."""

from __future__ import annotations

from collections.abc import Iterator

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from numpy.typing import NDArray

from lab.models.decoder.config import DecoderConfig
from lab.models.decoder.tensors import EMBEDDING, FINAL_NORM, HEAD
from lab.models.gguf_names import GgufTensor, Piece

TOP = {EMBEDDING: "token_embd.weight", FINAL_NORM: "output_norm.weight", HEAD: "output.weight"}
_IN_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.down_proj": "ffn_down",
}


def add_sizes(writer: gguf.GGUFWriter, config: DecoderConfig) -> None:
    """Add the sizes of which llama.cpp has the same keys for every decoder."""
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)


class DecoderGgufNames:
    """llama.cpp's names in one of its architectures of that kind.

    `pairs` says that it rotates neighbouring rows of a head together, where transformers rotates a row of the first
    half with one of the second: rows of queries and keys are put in its order.
    """

    def __init__(self, architecture: str, *, pairs: bool = False) -> None:
        """Bind the architecture."""
        self.architecture, self._pairs = architecture, pairs

    def pieces(self, config: DecoderConfig, hf_name: str) -> Iterator[Piece]:
        """Yield what is stored of a tensor: name, and which of its rows; None for all as they are."""
        if hf_name in TOP:
            yield TOP[hf_name], None
            return
        _, _, layer, rest = hf_name.split(".", 3)
        inside, _, kind = rest.rpartition(".")
        base = f"blk.{layer}"
        if inside in _IN_LAYER:
            yield f"{base}.{_IN_LAYER[inside]}.{kind}", None
        for name, rows in self._parts(config, inside):
            yield f"{base}.{name}.{kind}", rows

    def _parts(self, config: DecoderConfig, inside: str) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """Yield the parts of a fused matrix, each with its rows of it."""
        if inside == "mlp.gate_up_proj":
            gates, ups = np.split(np.arange(2 * config.intermediate_size), 2)
            yield from (("ffn_gate", gates), ("ffn_up", ups))
        if inside == "self_attn.qkv_proj":
            heads, key_heads = config.num_attention_heads, config.num_key_value_heads
            by_head = np.arange(config.qkv_rows).reshape(-1, config.head_dim)
            rotated, values = np.split(by_head, [heads + key_heads])
            if self._pairs:  # 0, 1, 2 of the first half beside 0, 1, 2 of the second
                rotated = rotated.reshape(len(rotated), 2, -1).transpose(0, 2, 1).reshape(rotated.shape)
            for name, rows in zip(("attn_q", "attn_k"), np.split(rotated, [heads]), strict=True):
                yield name, rows.reshape(-1)
            yield "attn_v", values.reshape(-1)

    def more_tensors(self, config: DecoderConfig) -> Iterator[GgufTensor]:
        """Yield the divisors of the rotary frequencies, where they are not the same for all."""
        divisors = config.rope_short_factor
        if divisors is not None and len(set(divisors)) > 1:
            values = np.array(divisors, np.float32)
            yield GgufTensor("rope_freqs.weight", None, values.shape, Type.F32, values)

    def describe(self, writer: gguf.GGUFWriter, config: DecoderConfig) -> None:
        """Add the metadata that llama.cpp's own converter writes for such a network."""
        writer.add_context_length(config.max_position_embeddings)
        add_sizes(writer, config)
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_dimension_count(config.rotary_dim)
        writer.add_rope_freq_base(config.rope_theta)
        divisors = set(config.rope_short_factor or ())
        if len(divisors) == 1:
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(divisors.pop())
