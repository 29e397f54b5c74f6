"""The kernels that one decode step of a Phi-3 calls, each with how often and arguments of the right shapes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.attention_decode import decode_attention
from lab.compile.cpu.kernels.encode import activated, copied, encoded, normalised
from lab.compile.cpu.kernels.encoding import Encoding, encoding_for
from lab.compile.cpu.kernels.linear import quantised_linear
from lab.compile.cpu.ops import padded
from lab.compile.tir.sizes import PAGE
from lab.models.activation import SILU_GATED
from lab.models.decoder.config import DecoderConfig
from lab.models.layouts.n16k4 import q_shape, scale_shape


@dataclass(frozen=True)
class Call:
    """A kernel, the arguments of one call, how many calls a token takes, and the bytes of weights or keys it reads."""

    name: str
    kernel: Any
    arguments: list[Any]
    calls: int
    read_bytes: int


def decode_step(isa: Isa, config: DecoderConfig, bits: int, depth: int) -> Iterator[Call]:
    """Yield the calls of a token at `depth`: products, their encodings and attention.

    Left out: rotary embedding, the append to the KV cache, the embedding, the virtual machine.
    """
    layers, hidden, wide = config.num_hidden_layers, config.hidden_size, config.intermediate_size
    yield product(isa, "qkv", bits, hidden, config.qkv_rows, layers)
    yield product(isa, "o", bits, hidden, hidden, layers)
    yield product(isa, "gate, up", bits, hidden, 2 * wide, layers)
    yield product(isa, "down", bits, wide, hidden, layers)
    yield product(isa, "head", bits, hidden, config.vocab_size, 1)
    encoding = encoding_for(isa, bits, one_row=True)
    weight = zeros((hidden,), "float32")
    kernel = normalised(encoding, hidden, config.rms_norm_eps)
    yield _encoding("norm", kernel, [zeros((1, hidden), "float32"), weight], encoding, hidden, 2 * layers + 1)
    kernel = encoded(encoding, hidden, hidden, copied, "float16")
    yield _encoding("encode", kernel, [zeros((1, hidden), "float16")], encoding, hidden, layers)
    kernel = encoded(encoding, wide, 2 * wide, activated(SILU_GATED, wide), "float32")
    yield _encoding("gate", kernel, [zeros((1, 2 * wide), "float32")], encoding, wide, layers)
    yield attention(isa, config, depth, layers)


def product(isa: Isa, name: str, bits: int, k: int, n: int, calls: int, *, one_row: bool = True) -> Call:
    """Return a product of [1, k], or of a whole tile of rows, and a matrix [n, k]."""
    encoding = encoding_for(isa, bits, one_row=one_row)
    kernel = quantised_linear(isa, bits, k, padded(n), encoding.tile_rows, residual=False, out_dtype="float32")
    acts = [zeros(shape, dtype) for shape, dtype in encoding.shapes(1, k)]
    weights = [zeros(q_shape(n, k, bits), "uint8"), zeros(scale_shape(n, k), "float16")]
    arguments = [*acts, *weights, zeros((encoding.tile_rows, padded(n)), "float32")]
    return Call(name, kernel, arguments, calls, sum(array.nbytes for array in weights))


def attention(isa: Isa, config: DecoderConfig, depth: int, calls: int) -> Call:
    """Return decode attention over `depth` tokens in the cache."""
    heads, kv_heads, dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    used = -(-depth // PAGE)
    pages = zeros((used, 2, kv_heads, PAGE, dim), "float16")
    q, out, lse = zeros((1, heads, dim), "float16"), zeros((1, heads, dim), "float16"), zeros((1, heads), "float32")
    places = [ints(0, used), ints(*range(used)), ints((depth - 1) % PAGE + 1), ints(0), ints(depth - 1)]
    kernel = decode_attention(isa, heads, kv_heads, dim, "float16", None)
    return Call("attention", kernel, [q, pages, *places, out, lse, 0, 1.0, 1e4, 0.1], calls, pages.nbytes)


def zeros(shape: Any, dtype: str) -> Any:
    """Return an array; what is in it changes no count."""
    return np.zeros([int(size) for size in shape], dtype)


def ints(*values: int) -> Any:
    """Return int32 values."""
    return np.array(values, np.int32)


def _encoding(name: str, kernel: Any, sources: list[Any], encoding: Encoding, features: int, calls: int) -> Call:
    outputs = [zeros(shape, dtype) for shape, dtype in encoding.shapes(1, features)]
    return Call(name, kernel, [*sources, *outputs], calls, sum(array.nbytes for array in sources))
