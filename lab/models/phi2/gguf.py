"""What of a Phi-2 stands in a GGUF, and how it is called there."""

from __future__ import annotations

from collections.abc import Iterator

import gguf

from lab.models.decoder.gguf import add_sizes
from lab.models.gguf_names import GgufTensor, Piece
from lab.models.phi2.config import Phi2Config

_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.o_proj": "attn_output",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


class Phi2GgufNames:
    """llama.cpp's names of a Phi-2."""

    architecture = "phi2"

    def pieces(self, config: Phi2Config, hf_name: str) -> Iterator[Piece]:
        """Yield what llama.cpp calls a tensor of the network: it is stored as it is."""
        base, _, kind = hf_name.rpartition(".")
        if base in _NAMES:
            yield f"{_NAMES[base]}.{kind}", None
            return
        _, _, layer, rest = base.split(".", 3)
        yield f"blk.{layer}.{_NAMES[rest]}.{kind}", None

    def more_tensors(self, config: Phi2Config) -> Iterator[GgufTensor]:
        """Yield nothing: all its tensors are weights."""
        return iter(())

    def describe(self, writer: gguf.GGUFWriter, config: Phi2Config) -> None:
        """Add the metadata that llama.cpp's own converter writes for a Phi-2."""
        writer.add_context_length(config.max_position_embeddings)
        add_sizes(writer, config)
        writer.add_layer_norm_eps(config.rms_norm_eps)
        writer.add_rope_dimension_count(config.rotary_dim)
        writer.add_rope_freq_base(config.rope_theta)
        writer.add_add_bos_token(False)


NAMES = Phi2GgufNames()
