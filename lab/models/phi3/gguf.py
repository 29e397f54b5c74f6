"""What of a Phi-3 stands in a GGUF, and how it is called there."""

from __future__ import annotations

from collections.abc import Iterator

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

from lab.models.decoder.gguf import TOP, add_sizes
from lab.models.gguf_names import GgufTensor, Piece
from lab.models.phi3.config import Phi3Config

_IN_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


class Phi3GgufNames:
    """llama.cpp's names of a Phi-3."""

    architecture = "phi3"

    def pieces(self, config: Phi3Config, hf_name: str) -> Iterator[Piece]:
        """Yield what llama.cpp calls a tensor of Hugging Face's Phi-3: it is stored as it is."""
        if hf_name in TOP:
            yield TOP[hf_name], None
            return
        _, _, layer, rest = hf_name.split(".", 3)
        yield f"blk.{layer}.{_IN_LAYER[rest.removesuffix('.weight')]}.weight", None

    def more_tensors(self, config: Phi3Config) -> Iterator[GgufTensor]:
        """Yield the factors of LongRoPE."""
        for name, factors in (("long", config.rope_long_factor), ("short", config.rope_short_factor)):
            if factors is not None:
                values = np.array(factors, np.float32)
                yield GgufTensor(f"rope_factors_{name}.weight", None, values.shape, Type.F32, values)

    def describe(self, writer: gguf.GGUFWriter, config: Phi3Config) -> None:
        """Add the metadata that llama.cpp's own converter writes for a Phi-3."""
        writer.add_context_length(config.max_position_embeddings)
        writer.add_rope_scaling_orig_ctx_len(config.original_max_position_embeddings)
        add_sizes(writer, config)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_dimension_count(config.rotary_dim)
        writer.add_rope_freq_base(config.rope_theta)
        writer.add_sliding_window(min(config.sliding_window or 0, (1 << 31) - 1))  # its type there
        if config.rope_long_factor is not None:
            writer.add_rope_scaling_attn_factors(config.attention_scaling)


NAMES = Phi3GgufNames()
