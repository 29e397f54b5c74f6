"""The parameters of a compiled network: names, types, shapes and order, as weights.bin and model.so agree on them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lab.core.errors import ModelError
from lab.models.families import family_of
from lab.models.family import MlcNames, Sizes, TensorSpec
from lab.models.layouts import Layout, layout_named
from lab.models.layouts.n16k4 import LAYOUT
from lab.models.quant import GROUP, QuantScheme, grown

Part = Literal["q", "s", "w"]


@dataclass(frozen=True)
class ParamSpec:
    """One tensor of weights.bin: `part` "q" holds integers, "s" their scales, "w" plain floats, biases among them."""

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


def check_sizes(config: Sizes) -> None:
    """Raise ModelError naming the size that no kernel can work with, before anything is made for it."""
    for name in ("hidden_size", "intermediate_size"):
        if getattr(config, name) % GROUP:
            raise ModelError(f"{name} is {getattr(config, name)}; the kernels need a multiple of {GROUP}")
    heads, size = config.num_attention_heads, config.head_dim
    if heads * size % GROUP:
        raise ModelError(f"{heads} heads of {size} are {heads * size}; the kernels need a multiple of {GROUP}")


def tensor_specs(config: Sizes) -> list[TensorSpec]:
    """Return every tensor of the network in the order in which it uses them; a tied head is left out."""
    return family_of(config).tensors(config)


def param_specs(config: Sizes, scheme: QuantScheme, layout: str = LAYOUT) -> list[ParamSpec]:
    """Return the parameters in the exact order of weights.bin and of the compiled library's `params` argument.

    Raises ModelError when a size does not fit the kernels or the layout is not known.
    """
    check_sizes(config)
    tensors = {tensor.hf_name: tensor for tensor in tensor_specs(config)}
    mlc = names_of_mlc(config) if layout_named(layout, scheme).names_of_mlc else None
    names = tensors if mlc is None else mlc.ordered(list(tensors))
    return [param for name in names for param in params_of(config, tensors[name], scheme, layout)]


def params_of(config: Sizes, tensor: TensorSpec, scheme: QuantScheme, layout: str = LAYOUT) -> Iterator[ParamSpec]:
    """Yield the one or two parameters that store `tensor` of the network."""
    packing = packing_of(config, tensor.hf_name, scheme, layout)

    def param(part: Part, dtype: str, shape: tuple[int, ...]) -> ParamSpec:
        name, axis = _name(config, packing, tensor.hf_name, part), packing.row_axis if len(shape) > 1 else 0
        return ParamSpec(name, dtype, shape, tensor.hf_name, part, axis)

    if len(tensor.shape) == 1:
        yield param("w", packing.vector_dtype(scheme), tensor.shape)
        return
    rows, k = tensor.shape
    if not scheme.quantised:
        yield param("w", scheme.weight_dtype, packing.dense_shape(rows, k))
        return
    yield param("q", packing.q_dtype, packing.q_shape(rows, k, scheme.bits))
    yield param("s", packing.scale_dtype(scheme), packing.scale_shape(rows, k))


def packing_of(config: Sizes, hf_name: str, scheme: QuantScheme, layout: str) -> Layout:
    """Return how the layout called `layout` lays out that tensor; the embedding table may lie otherwise than others."""
    return layout_named(layout, scheme, embedding=hf_name == family_of(config).embedding)


def names_of_mlc(config: Sizes) -> MlcNames:
    """Return what MLC-LLM calls the network's tensors; ModelError where it has no such network."""
    family = family_of(config)
    if config.labels is not None:
        raise ModelError("MLC-LLM has no networks that judge texts", hint="compile with backend = 'tvm'")
    if family.mlc is None:
        raise ModelError(f"MLC-LLM has no {family.title} networks", hint="compile with backend = 'tvm'")
    return family.mlc


def weights_bytes(config: Sizes, scheme: QuantScheme, layout: str = LAYOUT) -> int:
    """Return the bytes of all parameters, without alignment."""
    return sum(param.nbytes for param in param_specs(config, scheme, layout))


def decode_weight_bytes(config: Sizes, scheme: QuantScheme, layout: str = LAYOUT) -> int:
    """Return the bytes of weights that decoding one token has to read.

    Everything but an image encoder, and the embedding table, of which one row is read; a tied head reads it all.
    """
    often = {tensor.hf_name for tensor in tensor_specs(config) if tensor.each_token}
    params = [param for param in param_specs(config, scheme, layout) if param.hf_name in often]
    embedding = family_of(config).embedding
    table = sum(param.nbytes for param in params if param.hf_name == embedding)
    row = table // layout_named(layout, scheme).padded_rows(config.vocab_size)
    total = sum(param.nbytes for param in params)
    return total + row if config.tie_word_embeddings else total - table + row


def kv_dtype(scheme: QuantScheme, layout: str = LAYOUT) -> str:
    """Return the type of the KV cache of a library that reads `layout`."""
    return layout_named(layout, scheme).kv_dtype(scheme)


def rel_error_max(scheme: QuantScheme, layers: int, layout: str = LAYOUT) -> float:
    """Return how far the logits of `layers` layers may be from the reference: norm of the difference over norm."""
    return grown(layout_named(layout, scheme).rel_error_layer(scheme), layers)


def of_count(outputs: int) -> float:
    """Return by how much the limit of an error's norm widens with how few outputs the norm is over.

    That of many is near one deviation of each; of one output the error itself may be three of them.
    """
    return 1 + 3 / math.sqrt(2 * outputs)


def kv_bytes_per_token(config: Sizes, scheme: QuantScheme, layout: str = LAYOUT) -> int:
    """Return the bytes that one token of context takes in the KV cache."""
    per_layer = 2 * config.num_key_value_heads * config.head_dim
    return config.num_hidden_layers * per_layer * np.dtype(kv_dtype(scheme, layout)).itemsize


def _name(config: Sizes, packing: Layout, hf_name: str, part: Part) -> str:
    """Return the name of a stored tensor: MLC-LLM's, or the family's with the part's in place of "weight"."""
    base, _, last = hf_name.rpartition(".")
    suffix = {"q": "q_weight", "s": "q_scale", "w": last}[part]
    if packing.names_of_mlc:
        return names_of_mlc(config).param_name(f"{base}.weight", suffix)
    return f"{base}.{suffix}"
