"""A family of its own, as docs/adding-a-family.md walks through it: a Llama whose config.json has other keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lab.models.config_values import number, whole
from lab.models.decoder.config import DecoderConfig
from lab.models.decoder.family import DecoderFamily
from lab.models.family import Family, Preset

KEYS = {
    "dim": "hidden_size",
    "ffn_dim": "intermediate_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "vocab_size": "vocab_size",
    "max_seq_len": "max_position_embeddings",
}


@dataclass(frozen=True)
class TinyConfig(DecoderConfig):
    """Its numbers; `family` is the row of the table."""

    family: ClassVar[str] = "tiny-llama"


def config_of(document: Mapping[str, Any], where: str) -> TinyConfig:
    sizes = {ours: whole(document, theirs, where) for theirs, ours in KEYS.items()}
    eps = number(document, "norm_eps", float, where)
    return TinyConfig(**sizes, original_max_position_embeddings=sizes["max_position_embeddings"], rms_norm_eps=eps)


class TinyLlama(DecoderFamily[TinyConfig]):
    """A decoder with its own config.json; neither MLC-LLM nor llama.cpp knows it."""

    name = TinyConfig.family
    title = "tiny Llama"

    def presets(self) -> Mapping[str, Preset]:
        config = TinyConfig(64, 96, 2, 4, 2, 211, 128, 128)
        return {"tiny-llama": Preset("tiny-llama", config, "made up for this page")}

    def config_of(self, document: Mapping[str, Any], where: str) -> TinyConfig:
        return config_of(document, where)

    def document(self, config: TinyConfig) -> dict[str, Any]:
        sizes = {theirs: getattr(config, ours) for theirs, ours in KEYS.items()}
        return {"model_type": self.name, "norm_eps": config.rms_norm_eps, **sizes}

    def torch_network(self, config: TinyConfig) -> Any:
        from tests.models.tiny_torch import without_storage

        return without_storage(config)

    def gguf(self) -> None:
        return None


TINY: Family[TinyConfig] = TinyLlama()
