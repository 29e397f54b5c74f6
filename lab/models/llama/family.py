"""The families of Llama (ChuXin, Llama 3.2, SmolLM2) and of Qwen2, which is the same network with biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.models.decoder.family import DecoderFamily
from lab.models.family import Family, Preset
from lab.models.llama import hf
from lab.models.llama.config import LlamaConfig, Qwen2Config
from lab.models.llama.presets import LLAMA_PRESETS, QWEN2_PRESETS

if TYPE_CHECKING:
    from lab.models.gguf_names import GgufNames


class Llama(DecoderFamily[LlamaConfig]):
    """The decoder as it is."""

    name = LlamaConfig.family
    title = "Llama"

    def presets(self) -> Mapping[str, Preset]:
        """Return the networks that are known by name."""
        return LLAMA_PRESETS

    def config_of(self, document: Mapping[str, Any], where: str) -> LlamaConfig:
        """Return the numbers of a config.json."""
        return hf.llama_config(document, where)

    def document(self, config: LlamaConfig) -> dict[str, Any]:
        """Return `config` as a config.json of the transformers library."""
        return hf.llama_document(config)

    def gguf(self) -> GgufNames:
        """Return the names in a GGUF."""
        from lab.models.decoder.gguf import DecoderGgufNames  # needs the gguf package, which `lab run` does without

        return DecoderGgufNames("llama", pairs=True)


class Qwen2(DecoderFamily[Qwen2Config]):
    """A Llama with biases on queries, keys and values."""

    name = Qwen2Config.family
    title = "Qwen2"

    def presets(self) -> Mapping[str, Preset]:
        """Return the networks that are known by name."""
        return QWEN2_PRESETS

    def config_of(self, document: Mapping[str, Any], where: str) -> Qwen2Config:
        """Return the numbers of a config.json."""
        return hf.qwen2_config(document, where)

    def document(self, config: Qwen2Config) -> dict[str, Any]:
        """Return `config` as a config.json of the transformers library."""
        return hf.qwen2_document(config)

    def gguf(self) -> GgufNames:
        """Return the names in a GGUF."""
        from lab.models.decoder.gguf import DecoderGgufNames

        return DecoderGgufNames("qwen2")


LLAMA: Family[LlamaConfig] = Llama()
QWEN2: Family[Qwen2Config] = Qwen2()
