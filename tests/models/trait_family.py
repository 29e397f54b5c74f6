"""A family of decoders that has every trait as a field: small networks of the kinds that families have."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lab.models.activation import SILU_GATED, Activation
from lab.models.decoder.config import DecoderConfig
from lab.models.decoder.family import DecoderFamily
from lab.models.decoder.tensors import decoder_tensors
from lab.models.family import NormKind, Preset
from lab.models.quant import F32

ROW = "tests.models.trait_family:TRAITS"  # of the table of families
NAME = "traits"
_PHI2 = {"self_attn.o_proj": "self_attn.dense", "mlp.up_proj": "mlp.fc1", "mlp.down_proj": "mlp.fc2"}
_PHI2 |= {"model.norm": "model.final_layernorm"}


@dataclass(frozen=True)
class TraitConfig(DecoderConfig):
    """`interleaved` and `norm_plus_one` are how its checkpoints differ: gates and ups take turns, norms lack 1."""

    family: ClassVar[str] = NAME

    norm_kind: NormKind = "rms"
    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    head_bias: bool = False
    activation: Activation = SILU_GATED
    embedding_scale: float = 1.0
    scale: float | None = None
    parallel_blocks: bool = False
    interleaved: bool = False
    norm_plus_one: bool = False

    @property
    def attention_scale(self) -> float:
        return super().attention_scale if self.scale is None else self.scale


class Traits(DecoderFamily[TraitConfig]):
    """Networks of `TraitConfig`, whose checkpoints call their tensors as Phi-2's do."""

    name = NAME
    title = "network of many traits"

    def presets(self) -> Mapping[str, Preset]:
        return {}

    def config_of(self, document: Mapping[str, Any], where: str) -> TraitConfig:
        fields = {key: value for key, value in document.items() if key not in ("model_type", "activation")}
        return TraitConfig(**fields, activation=Activation(**document["activation"]))

    def document(self, config: TraitConfig) -> dict[str, Any]:
        return {"model_type": NAME, **json.loads(json.dumps(asdict(config)))}

    def stored_as(self, hf_name: str) -> str:
        for ours, theirs in _PHI2.items():
            hf_name = hf_name.replace(f"{ours}.", f"{theirs}.")
        return hf_name

    def row_order(self, config: TraitConfig, hf_name: str) -> NDArray[np.int64] | None:
        if not config.interleaved or ".mlp.gate_up_proj." not in hf_name:
            return None
        return np.arange(config.up_rows).reshape(-1, 2).T.reshape(-1)

    def adjusted(self, config: TraitConfig, hf_name: str, vector: F32) -> F32:
        return vector + self._added(config, hf_name)

    def restored(self, config: TraitConfig, hf_name: str, vector: F32) -> F32:
        return vector - self._added(config, hf_name)

    def torch_network(self, config: TraitConfig) -> Any:
        raise AssertionError("transformers has no such network")

    def gguf(self) -> None:
        return None

    def _added(self, config: TraitConfig, hf_name: str) -> F32:
        return np.float32(config.norm_plus_one and hf_name.endswith("norm.weight"))  # type: ignore[return-value]


TRAITS = Traits()

_SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "vocab_size": 211,
    "max_position_embeddings": 512,
    "original_max_position_embeddings": 512,
}


def config(**changes: Any) -> TraitConfig:
    """A small network."""
    return TraitConfig(**(_SMALL | changes))


GELU, GELU_ALONE = Activation("gelu_tanh"), Activation("gelu_tanh", gated=False)
PHI2 = config(
    norm_kind="layer",
    qkv_bias=True,
    out_bias=True,
    mlp_bias=True,
    head_bias=True,
    activation=GELU_ALONE,
    parallel_blocks=True,
    partial_rotary_factor=0.5,
)
GEMMA = config(
    num_key_value_heads=1,
    head_size=32,
    activation=GELU,
    embedding_scale=8.0,
    tie_word_embeddings=True,
    norm_plus_one=True,
    rms_norm_eps=1e-6,
)
QWEN2 = config(hidden_size=224, num_attention_heads=14, num_key_value_heads=2, qkv_bias=True, rope_theta=1e6)
PHI3_SMALL = config(
    num_key_value_heads=1,
    norm_kind="layer",
    qkv_bias=True,
    out_bias=True,
    mlp_bias=True,
    activation=Activation("gegelu", limit=1.5),
    embedding_scale=10.0,
    scale=1 / 16,
    tie_word_embeddings=True,
    interleaved=True,
)
PHI4_MINI = config(num_attention_heads=2, num_key_value_heads=1, partial_rotary_factor=0.75, tie_word_embeddings=True)
LLAMA = config(num_key_value_heads=2, out_bias=True, qkv_bias=True, mlp_bias=True, head_size=24)
ALL = {
    "phi2": PHI2,
    "gemma": GEMMA,
    "qwen2": QWEN2,
    "phi3-small": PHI3_SMALL,
    "phi4-mini": PHI4_MINI,
    "llama": LLAMA,
}


@functools.cache
def weights_of(config: TraitConfig) -> dict[str, F32]:
    """Weights large enough that every trait counts: norms around 1, biases around 0."""
    rng = np.random.default_rng(4)
    weights = {}
    for tensor in decoder_tensors(config):
        values = rng.standard_normal(tensor.shape)
        scaled = values * 1.5 / np.sqrt(tensor.shape[-1]) if len(tensor.shape) == 2 else values * 0.3
        weights[tensor.hf_name] = (scaled + tensor.hf_name.endswith("norm.weight")).astype(np.float32)
    return weights


def wanted(config: TraitConfig, kept: Mapping[str, F32], ids: NDArray[np.int64]) -> F32:
    """The logits after the last of `ids` by the numpy reference, in float64 but for its own constants."""
    wide: Any = {name: values.astype(np.float64) for name, values in kept.items()}
    embedded = wide[TRAITS.embedding][ids]
    return TRAITS.logits(config, embedded, lambda name, x: x @ wide[name].T, lambda name: wide[name])
