"""What of a Phi-3 stands in a GGUF, and how it is called there: tensors by name and type, and the metadata."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

from lab.models.catalog import ModelSpec
from lab.models.params import EMBEDDING, FINAL_NORM, HEAD, tensor_specs
from lab.models.phi3.config import Phi3Config
from lab.models.quant import F32

ARCHITECTURE = "phi3"


@dataclass(frozen=True)
class GgufType:
    """A type of matrices, and what llama.cpp calls a file of them; rows are multiples of `block` numbers."""

    type: Type
    file_type: gguf.LlamaFileType

    @property
    def name(self) -> str:
        """Its name in lower case: q4_0."""
        return str(self.type.name).lower()

    @property
    def block(self) -> int:
        """Numbers that share a scale, at the least."""
        return int(gguf.GGML_QUANT_SIZES[self.type][0])


# Scheme of ours -> the types of about its bits; the first is the one that is nearest.
TYPES = {
    "q4": (
        GgufType(Type.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
        GgufType(Type.IQ4_XS, gguf.LlamaFileType.MOSTLY_IQ4_XS),
    ),
    "q8": (GgufType(Type.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),),
    "f16": (GgufType(Type.F16, gguf.LlamaFileType.MOSTLY_F16),),
    "f32": (GgufType(Type.F32, gguf.LlamaFileType.ALL_F32),),
}
_TOP = {EMBEDDING: "token_embd.weight", FINAL_NORM: "output_norm.weight", HEAD: "output.weight"}
_IN_LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


@dataclass(frozen=True)
class GgufTensor:
    """One tensor: its name there and (of a weight) at Hugging Face, its shape in rows and columns, its type.

    `values` is there when the numbers are none of the source's: the factors of LongRoPE.
    """

    name: str
    hf_name: str | None
    shape: tuple[int, ...]
    type: Type
    values: F32 | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor, without alignment."""
        values, size = gguf.GGML_QUANT_SIZES[self.type]
        return math.prod(self.shape) // int(values) * int(size)


def gguf_types(spec: ModelSpec) -> tuple[GgufType, ...]:
    """Return the types that `spec` can be written in, the one of the same bits first."""
    columns = [one.shape[1] for one in tensor_specs(spec.config) if len(one.shape) == 2]
    first, *others = TYPES[spec.scheme.name]
    return first, *(one for one in others if all(k % one.block == 0 for k in columns))


def gguf_tensors(spec: ModelSpec, matrix: GgufType) -> list[GgufTensor]:
    """Return every tensor in the order of the file; matrices in that type, vectors in float32."""
    weights = [
        GgufTensor(gguf_name(one.hf_name), one.hf_name, one.shape, matrix.type if len(one.shape) == 2 else Type.F32)
        for one in tensor_specs(spec.config)
    ]
    return [*_rope_factors(spec.config), *weights]


def gguf_name(hf_name: str) -> str:
    """Return what llama.cpp calls a tensor of Hugging Face's Phi-3."""
    if hf_name in _TOP:
        return _TOP[hf_name]
    _, _, layer, rest = hf_name.split(".", 3)
    return f"blk.{layer}.{_IN_LAYER[rest.removesuffix('.weight')]}.weight"


def describe(writer: gguf.GGUFWriter, spec: ModelSpec, matrix: GgufType) -> None:
    """Add the metadata that llama.cpp's own converter writes for a Phi-3, without a tokeniser."""
    config = spec.config
    writer.add_name(spec.label)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_rope_scaling_orig_ctx_len(config.original_max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_sliding_window(min(config.sliding_window or 0, (1 << 31) - 1))  # its type there
    if config.rope_long_factor is not None:
        writer.add_rope_scaling_attn_factors(config.attention_scaling)
    writer.add_file_type(matrix.file_type)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("no_vocab")


def _rope_factors(config: Phi3Config) -> Iterator[GgufTensor]:
    for name, factors in (("long", config.rope_long_factor), ("short", config.rope_short_factor)):
        if factors is not None:
            values = np.array(factors, np.float32)
            yield GgufTensor(f"rope_factors_{name}.weight", None, values.shape, Type.F32, values)
