"""The family of Phi-3-mini, Phi-3.5-mini and Phi-3-medium, and what MLC-LLM calls its tensors (`model/phi3`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lab.models.decoder.family import DecoderFamily
from lab.models.family import Family, MlcNames, Preset
from lab.models.phi3 import hf
from lab.models.phi3.config import Phi3Config
from lab.models.phi3.presets import PRESETS

if TYPE_CHECKING:
    from lab.models.gguf_names import GgufNames


_RENAMED = (
    ("model.embed_tokens", "transformer.embd"),
    ("model.norm", "transformer.norm"),
    ("model.layers.", "transformer.h."),
    (".input_layernorm", ".ln"),
    (".self_attn.qkv_proj", ".mixer.qkv_proj"),
    (".self_attn.o_proj", ".mixer.out_proj"),
)


class Phi3MlcNames:
    """MLC-LLM's names of a Phi-3."""

    def param_name(self, hf_name: str, suffix: str) -> str:
        """Return what MLC-LLM calls the tensor; `suffix` is "weight", "q_weight" or "q_scale"."""
        name = hf_name.removesuffix("weight")
        for old, new in _RENAMED:
            name = name.replace(old, new, 1)
        return name + suffix

    def ordered(self, hf_names: Iterable[str]) -> Iterator[str]:
        """Yield the names in MLC-LLM's order: the second norm of a layer comes after its MLP."""
        norm = ""
        for name in hf_names:
            if name.endswith(".post_attention_layernorm.weight"):
                norm = name
                continue
            yield name
            if name.endswith(".mlp.down_proj.weight"):
                yield norm

    def differences(self, config: Phi3Config) -> list[str]:
        """Return what MLC-LLM computes otherwise."""
        if config.attention_window is None:
            return []
        window = config.attention_window
        return [f"mlc_llm has no sliding window for Phi-3: past {window} tokens it attends to all of them"]


class Phi3(DecoderFamily[Phi3Config]):
    """A decoder of the Llama kind with fused projections, a sliding window and LongRoPE."""

    name = Phi3Config.family
    title = "Phi-3"
    mlc: MlcNames | None = Phi3MlcNames()

    def presets(self) -> Mapping[str, Preset]:
        """Return the networks that are known by name."""
        return PRESETS

    def config_of(self, document: Mapping[str, Any], where: str) -> Phi3Config:
        """Return the numbers of a config.json."""
        return hf.config_of(document, where=where)

    def document(self, config: Phi3Config) -> dict[str, Any]:
        """Return `config` as a config.json of the transformers library."""
        return hf.document(config)

    def gguf(self) -> GgufNames:
        """Return the names in a GGUF."""
        from lab.models.phi3.gguf import NAMES  # needs the gguf package, which `lab run` does without

        return NAMES


PHI3: Family[Phi3Config] = Phi3()
