"""The family of Phi-1, Phi-1.5 and Phi-2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lab.models.decoder.family import DecoderFamily
from lab.models.family import Family, Preset
from lab.models.phi2 import hf
from lab.models.phi2.config import Phi2Config
from lab.models.phi2.presets import PRESETS

if TYPE_CHECKING:
    from lab.models.gguf_names import GgufNames

_STORED = {".o_proj.": ".dense.", ".up_proj.": ".fc1.", ".down_proj.": ".fc2.", "model.norm.": "model.final_layernorm."}


class Phi2(DecoderFamily[Phi2Config]):
    """A decoder with parallel blocks."""

    name = Phi2Config.family
    title = "Phi-2"

    def presets(self) -> Mapping[str, Preset]:
        """Return the networks that are known by name."""
        return PRESETS

    def config_of(self, document: Mapping[str, Any], where: str) -> Phi2Config:
        """Return the numbers of a config.json."""
        return hf.config_of(document, where)

    def document(self, config: Phi2Config) -> dict[str, Any]:
        """Return `config` as a config.json of the transformers library."""
        return hf.document(config)

    def stored_as(self, hf_name: str) -> str:
        """Return what checkpoints, and transformers' network, call the tensor."""
        for ours, theirs in _STORED.items():
            hf_name = hf_name.replace(ours, theirs)
        return hf_name

    def torch_parts(self, model: Any) -> Iterator[tuple[str, Any]]:
        """Yield every module of transformers' network that holds weights, with the prefix of their names."""
        yield "model.embed_tokens.", model.model.embed_tokens
        for index, layer in enumerate(model.model.layers):
            yield f"model.layers.{index}.", layer
        yield "model.final_layernorm.", model.model.final_layernorm
        yield "lm_head.", model.lm_head

    def gguf(self) -> GgufNames:
        """Return the names in a GGUF."""
        from lab.models.phi2.gguf import NAMES  # needs the gguf package, which `lab run` does without

        return NAMES


PHI2: Family[Phi2Config] = Phi2()
