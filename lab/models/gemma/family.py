"""The family of Gemma, of the first generation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lab.models.decoder.family import DecoderFamily
from lab.models.family import Family, Preset
from lab.models.gemma import hf
from lab.models.gemma.config import GemmaConfig
from lab.models.gemma.presets import PRESETS
from lab.models.quant import F32

if TYPE_CHECKING:
    from lab.models.gguf_names import GgufNames


class Gemma(DecoderFamily[GemmaConfig]):
    """A decoder whose checkpoints store what norms multiply by less 1."""

    name = GemmaConfig.family
    title = "Gemma"

    def presets(self) -> Mapping[str, Preset]:
        """Return the networks that are known by name."""
        return PRESETS

    def config_of(self, document: Mapping[str, Any], where: str) -> GemmaConfig:
        """Return the numbers of a config.json."""
        return hf.config_of(document, where)

    def document(self, config: GemmaConfig) -> dict[str, Any]:
        """Return `config` as a config.json of the transformers library."""
        return hf.document(config)

    def adjusted(self, config: GemmaConfig, hf_name: str, vector: F32) -> F32:
        """Return what a norm multiplies by of what the checkpoint stores; a bias is as it is."""
        return vector + np.float32(1) if _is_norm(hf_name) else vector

    def restored(self, config: GemmaConfig, hf_name: str, vector: F32) -> F32:
        """Return what the checkpoint stores of what a norm multiplies by."""
        return vector - np.float32(1) if _is_norm(hf_name) else vector

    def gguf(self) -> GgufNames:
        """Return the names in a GGUF."""
        from lab.models.decoder.gguf import DecoderGgufNames  # needs the gguf package, which `lab run` does without

        return DecoderGgufNames("gemma")


def _is_norm(hf_name: str) -> bool:
    return hf_name.endswith("norm.weight")


GEMMA: Family[GemmaConfig] = Gemma()
