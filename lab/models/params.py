"""The parameters of a compiled Phi-3: names, types, shapes and order, as weights.bin and model.so agree on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lab.core.errors import ModelError
from lab.models.layouts import layout_named
from lab.models.layouts.n16k4 import LAYOUT
from lab.models.phi3.config import Phi3Config
from lab.models.quant import GROUP, QuantScheme, grown

Part = Literal["q", "s", "w"]
_SUFFIX: dict[Part, str] = {"q": "q_weight", "s": "q_scale", "w": "weight"}

EMBEDDING = "model.embed_tokens.weight"
HEAD = "lm_head.weight"
FINAL_NORM = "model.norm.weight"


@dataclass(frozen=True)
class ParamSpec:
    """One tensor of weights.bin: `part` "q" holds integers, "s" their scales, "w" plain floats."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    hf_name: str
    part: Part
    row_axis: int = 0  # along which the rows of the matrix lie

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor, without alignment."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class TensorSpec:
    """One tensor of the network as Hugging Face names it; `shape` is (N, K) of a matrix or (H,) of a norm."""

    hf_name: str
    shape: tuple[int, ...]


def check_sizes(config: Phi3Config) -> None:
    """Raise ModelError naming the size that no kernel can work with, before anything is made for it."""
    for name in ("hidden_size", "intermediate_size"):
        if getattr(config, name) % GROUP:
            raise ModelError(f"{name} is {getattr(config, name)}; the kernels need a multiple of {GROUP}")


def tensor_specs(config: Phi3Config) -> list[TensorSpec]:
    """Return every tensor of the network in parameter order; a tied head is left out."""
    head = [] if config.tie_word_embeddings else [TensorSpec(HEAD, (config.vocab_size, config.hidden_size))]
    layers = [tensor for i in range(config.num_hidden_layers) for tensor in _layer(config, i)]
    embedding = TensorSpec(EMBEDDING, (config.vocab_size, config.hidden_size))
    return [embedding, *layers, TensorSpec(FINAL_NORM, (config.hidden_size,)), *head]


def param_specs(config: Phi3Config, scheme: QuantScheme, layout: str = LAYOUT) -> list[ParamSpec]:
    """Return the parameters in the exact order of weights.bin and of the compiled library's `params` argument.

    Raises ModelError when a size does not fit the kernels or the layout is not known.
    """
    check_sizes(config)
    tensors = {tensor.hf_name: tensor for tensor in tensor_specs(config)}
    names = layout_named(layout, scheme).ordered(tensors)
    return [param for name in names for param in params_of(tensors[name], scheme, layout)]


def params_of(tensor: TensorSpec, scheme: QuantScheme, layout: str = LAYOUT) -> Iterator[ParamSpec]:
    """Yield the one or two parameters that store `tensor`."""
    packing = layout_named(layout, scheme, embedding=tensor.hf_name == EMBEDDING)

    def param(part: Part, dtype: str, shape: tuple[int, ...]) -> ParamSpec:
        name, axis = packing.param_name(tensor.hf_name, _SUFFIX[part]), packing.ROW_AXIS if len(shape) > 1 else 0
        return ParamSpec(name, dtype, shape, tensor.hf_name, part, axis)

    if len(tensor.shape) == 1:
        yield param("w", packing.vector_dtype(scheme), tensor.shape)
        return
    rows, k = tensor.shape
    if not scheme.quantised:
        yield param("w", scheme.weight_dtype, packing.dense_shape(rows, k))
        return
    yield param("q", packing.Q_DTYPE, packing.q_shape(rows, k, scheme.bits))
    yield param("s", packing.scale_dtype(scheme), packing.scale_shape(rows, k))


def weights_bytes(config: Phi3Config, scheme: QuantScheme, layout: str = LAYOUT) -> int:
    """Return the bytes of all parameters, without alignment."""
    return sum(param.nbytes for param in param_specs(config, scheme, layout))


def decode_weight_bytes(config: Phi3Config, scheme: QuantScheme, layout: str = LAYOUT) -> int:
    """Return the bytes of weights that decoding one token has to read.

    Everything but the embedding table, of which one row is read; a tied head reads that whole table.
    """
    params = param_specs(config, scheme, layout)
    table = sum(param.nbytes for param in params if param.hf_name == EMBEDDING)
    row = table // layout_named(layout, scheme).padded_rows(config.vocab_size)
    total = sum(param.nbytes for param in params)
    return total + row if config.tie_word_embeddings else total - table + row


def kv_dtype(scheme: QuantScheme, layout: str = LAYOUT) -> str:
    """Return the type of the KV cache of a library that reads `layout`."""
    return layout_named(layout, scheme).kv_dtype(scheme)


def rel_error_max(scheme: QuantScheme, layers: int, layout: str = LAYOUT) -> float:
    """Return how far the logits of `layers` layers may be from the reference: norm of the difference over norm."""
    return grown(layout_named(layout, scheme).rel_error_layer(scheme), layers)


def kv_bytes_per_token(config: Phi3Config, scheme: QuantScheme, layout: str = LAYOUT) -> int:
    """Return the bytes that one token of context takes in the KV cache."""
    per_layer = 2 * config.num_key_value_heads * config.head_dim
    return config.num_hidden_layers * per_layer * np.dtype(kv_dtype(scheme, layout)).itemsize


def _layer(config: Phi3Config, index: int) -> Iterator[TensorSpec]:
    base, hidden = f"model.layers.{index}", config.hidden_size
    yield TensorSpec(f"{base}.input_layernorm.weight", (hidden,))
    yield TensorSpec(f"{base}.self_attn.qkv_proj.weight", (config.qkv_rows, hidden))
    yield TensorSpec(f"{base}.self_attn.o_proj.weight", (hidden, hidden))
    yield TensorSpec(f"{base}.post_attention_layernorm.weight", (hidden,))
    yield TensorSpec(f"{base}.mlp.gate_up_proj.weight", (2 * config.intermediate_size, hidden))
    yield TensorSpec(f"{base}.mlp.down_proj.weight", (hidden, config.intermediate_size))
