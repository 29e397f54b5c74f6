"""The family of Phi-3-mini, Phi-3.5-mini and Phi-3-medium."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.models.decoder.family import DecoderFamily
from lab.models.family import Family, MlcNames, Preset
from lab.models.phi3 import hf, mlc
from lab.models.phi3.config import Phi3Config
from lab.models.phi3.presets import PRESETS

if TYPE_CHECKING:
    from lab.models.gguf_names import GgufNames


class Phi3(DecoderFamily[Phi3Config]):
    """A decoder of the Llama kind with fused projections, a sliding window and LongRoPE."""

    name = Phi3Config.family
    title = "Phi-3"
    mlc: MlcNames | None = mlc.NAMES

    def presets(self) -> Mapping[str, Preset]:
        """Return the networks that are known by name."""
        return PRESETS

    def config_of(self, document: Mapping[str, Any], where: str) -> Phi3Config:
        """Return the numbers of a config.json."""
        return hf.config_of(document, where=where)

    def document(self, config: Phi3Config) -> dict[str, Any]:
        """Return `config` as a config.json of the transformers library."""
        return hf.document(config)

    def torch_network(self, config: Phi3Config) -> Any:
        """Return transformers' own network without storage for its weights."""
        from lab.models.phi3.torch_network import without_storage

        return without_storage(config)

    def gguf(self) -> GgufNames:
        """Return the names in a GGUF."""
        from lab.models.phi3.gguf import NAMES  # needs the gguf package, which `lab run` does without

        return NAMES


PHI3: Family[Phi3Config] = Phi3()
