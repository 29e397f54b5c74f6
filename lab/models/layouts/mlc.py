"""How MLC-LLM lays out the weights of a Phi-3: layout "mlc", for libraries that `mlc_llm` compiled.

Rows stay rows. Names, order, types and the quantisation formula are those of MLC-LLM's own sources
(`model/phi3`, `quantization/group_quantization.py`), so a library finds what it asks for. q4 becomes MLC's
q4f16_1: the nibble is the integer + 7 and the integers are -7..7, where this project's own q4 has -8..7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from lab.models.quant import F16, F32, GROUP, I8, Array, QuantScheme

LAYOUT = "mlc"
ROW_AXIS = 0
BLOCK_ROWS = 1
Q_DTYPE = "uint32"

_MAX = 7
_RENAMED = (
    ("model.embed_tokens", "transformer.embd"),
    ("model.norm", "transformer.norm"),
    ("model.layers.", "transformer.h."),
    (".input_layernorm", ".ln"),
    (".self_attn.qkv_proj", ".mixer.qkv_proj"),
    (".self_attn.o_proj", ".mixer.out_proj"),
)


def param_name(hf_name: str, suffix: str) -> str:
    """Return what MLC-LLM calls the tensor; `suffix` is "weight", "q_weight" or "q_scale"."""
    name = hf_name.removesuffix("weight")
    for old, new in _RENAMED:
        name = name.replace(old, new, 1)
    return name + suffix


def ordered(hf_names: Iterable[str]) -> Iterator[str]:
    """Yield the names in MLC-LLM's order: the second norm of a layer comes after its MLP."""
    norm = ""
    for name in hf_names:
        if name.endswith(".post_attention_layernorm.weight"):
            norm = name
            continue
        yield name
        if name.endswith(".mlp.down_proj.weight"):
            yield norm


def holds(scheme: QuantScheme) -> bool:
    """Whether the layout can hold `scheme`."""
    return scheme.mlc_name is not None


def scale_dtype(scheme: QuantScheme) -> str:
    """Return the type of scales."""
    return "float16"


def kv_dtype(scheme: QuantScheme) -> str:
    """Return the type of the KV cache: the scheme's own."""
    return scheme.kv_dtype


def rel_error_layer(scheme: QuantScheme) -> float:
    """Return how far one layer's logits may be from the reference: the scheme's own."""
    return scheme.rel_error_layer


def padded_rows(rows: int) -> int:
    """Return `rows`: nothing is filled up."""
    return rows


def q_shape(rows: int, k: int, bits: int) -> tuple[int, ...]:
    """Return the shape of the packed integers of a [rows, k] matrix."""
    return (rows, k * bits // 32)


def scale_shape(rows: int, k: int) -> tuple[int, ...]:
    """Return the shape of the scales of a [rows, k] matrix."""
    return (rows, k // GROUP)


def dense_shape(rows: int, k: int) -> tuple[int, ...]:
    """Return the shape of a [rows, k] float matrix."""
    return (rows, k)


def vector_dtype(scheme: QuantScheme) -> str:
    """Return the type of a norm's weights: MLC-LLM keeps them in the type that it computes in."""
    return "float32" if scheme.bits == 32 else "float16"


def quantise(w: F32) -> tuple[I8, F16]:
    """Quantise `w` [N, K] as q4f16_1: integers -7..7 [N, K] and scales [N, K/32], not finite where w is too big.

    MLC-LLM computes this in float16, each step rounded: scale = max |w| / 7, integer = round(w / scale + 7) - 7,
    ties to even as on a CPU. A group of zeros has scale 0 and, as MLC-LLM leaves them, integers -7.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        groups = w.astype(np.float16).astype(np.float32).reshape(len(w), -1, GROUP)
        scale = (np.abs(groups).max(axis=2) / np.float32(_MAX)).astype(np.float16)
        ratio = groups / scale.astype(np.float32)[:, :, None]
        raised = _as_half(_as_half(ratio) + np.float32(_MAX))
        if not scale.all():
            raised[np.isnan(raised)] = 0  # 0 / 0
        nibbles = np.clip(np.rint(raised, out=raised), 0, 2 * _MAX, out=raised)
        return (nibbles.astype(np.int8) - np.int8(_MAX)).reshape(w.shape), scale


def _as_half(x: F32) -> F32:
    """Return `x` rounded to float16's 11 bits, in place; much faster than there and back, subnormals aside."""
    bits = x.view(np.uint32)
    bits += ((bits >> 13) & 1) + np.uint32(0xFFF)
    bits &= np.uint32(0xFFFFE000)
    return x


def pack_q(q: I8, bits: int) -> Array:
    """Pack integers -7..7 [N, K] to uint32 [N, K/8]: eight values + 7 to a word, the first one lowest."""
    nibbles = (q + np.int8(_MAX)).view(np.uint8)
    pairs: Array = np.ascontiguousarray(nibbles[:, 0::2] | nibbles[:, 1::2] << np.uint8(bits))
    return pairs.view("<u4")


def unpack_q(packed: Array, rows: int, bits: int) -> I8:
    """Return the integers [rows, K] of packed words."""
    pairs = np.ascontiguousarray(packed[:rows]).view(np.uint8)
    q = np.empty((rows, pairs.shape[1] * 2), np.int8)
    q[:, 0::2] = pairs & 15
    q[:, 1::2] = pairs >> bits
    q -= _MAX
    return q


def pack_scale(scale: F16) -> F16:
    """Return the scales [N, G] as they are."""
    return scale


def unpack_scale(packed: F16, rows: int) -> F16:
    """Return the scales of `rows` rows as they are."""
    return packed[:rows]


def pack_dense(w: Array) -> Array:
    """Return the floats [N, K] as they are."""
    return w


def unpack_dense(packed: Array, rows: int) -> Array:
    """Return the floats of `rows` rows as they are."""
    return packed[:rows]
